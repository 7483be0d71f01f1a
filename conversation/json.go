package conversation

import (
	"encoding/json"
	"fmt"
)

// stored is a conversation as JSON.
type stored struct {
	Version int      `json:"v"`
	ID      string   `json:"id,omitempty"`
	Records []record `json:"records,omitempty"`
}

// MarshalJSON encodes what is committed, a turn that waits for results included; not the options.
func (c *Conversation) MarshalJSON() ([]byte, error) {
	c.mu.Lock()
	out := stored{Version: version, ID: c.id, Records: c.state.records()}
	c.mu.Unlock()
	return json.Marshal(out)
}

// UnmarshalJSON puts a conversation that was encoded into the place of what c holds, its id too;
// model and options stay. Like a fork it is written as a whole at its next commit, which is an
// [ErrConflict] where the store has the id already. While a turn is at work it is an
// [llm.ErrInvalidRequest].
func (c *Conversation) UnmarshalJSON(b []byte) error {
	var in stored
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	if in.Version < 1 || in.Version > version {
		return invalid(fmt.Sprintf("a conversation of format %d, and this program reads up to %d", in.Version, version))
	}
	var s state
	for i, r := range in.Records {
		if err := s.load(r); err != nil {
			return unreadable(i, "cannot be read", err)
		}
	}
	unlock, free := c.tryLock()
	if !free {
		return invalid("a turn is at work: load the conversation before or after it")
	}
	defer unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.ID != "" || c.id == "" {
		c.id = in.ID
	}
	c.state, c.at, c.owed = s, 0, s.records()
	return nil
}
