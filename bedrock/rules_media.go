package bedrock

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/parley-sdk/parley/llm"
)

// refusedMedia refuses what the family does not read: without it the question would be
// another one.
func refusedMedia(d *draft) {
	check := func(part llm.Part, at location) {
		if why := d.profile.refuses(part); why != "" {
			d.refuse(llm.ErrUnsupported, at, "", "%s", why)
		}
	}
	for _, t := range d.turns {
		if t.role == llm.RoleAssistant {
			continue // left out below
		}
		for _, it := range t.items {
			check(it.part, it.at)
			if r, ok := it.part.(*llm.ToolResultPart); ok {
				for i, c := range r.Content {
					check(c, it.within(i))
				}
			}
		}
	}
}

// refuses says why the family does not take a part, if so.
func (p *Profile) refuses(part llm.Part) string {
	no, what, uri := false, "", ""
	switch part := part.(type) {
	case *llm.DocumentPart:
		uri = part.URI
	case *llm.MediaPart:
		uri = part.URI
	}
	switch blockKind(part) {
	case "document":
		no, what = p.NoDocuments, "documents"
	case "image":
		no, what = p.NoImages, "images"
	case "video":
		no, what = p.NoVideo, "video"
	case "audio":
		no, what = p.NoAudio, "audio"
	}
	switch {
	case no:
		return "the model takes no " + what
	case uri != "" && p.NoS3:
		return "the model takes no S3 URIs: send the bytes instead"
	}
	return ""
}

// blockKind is the kind of block that media or a document becomes: "image", "video",
// "audio" or "document".
func blockKind(part llm.Part) string {
	switch p := part.(type) {
	case *llm.DocumentPart:
		return "document"
	case *llm.MediaPart:
		kind, _, _ := strings.Cut(mediaTypeOf(p.MediaType, p.Data), "/")
		return kind
	case *llm.ProviderPart:
		if p.Provider == Provider {
			return p.Kind
		}
	}
	return ""
}

// assistantMedia leaves out media of the assistant, which most models refuse.
func assistantMedia(d *draft) {
	d.edit(media|documents, func(t *turn, it item) ([]item, bool) {
		why := ""
		switch {
		case t.role != llm.RoleAssistant:
			return nil, false
		case !d.profile.AssistantMedia || d.profile.refuses(it.part) != "":
			why = "the model takes no media back"
		default:
			if _, err := new(encoder).appendBlocks(nil, it.part); err != nil {
				why = err.Error()
			}
		}
		if why == "" {
			return nil, false
		}
		d.changed(llm.WarningDropped, it.at, "", "left out: %s", why)
		return nil, true
	})
}

// maxDocumentName is the length of a document's name, in characters.
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
const maxDocumentName = 200

// documentNames makes names valid and unique, in the order of the documents, and puts
// a text beside documents that have none.
func documentNames(d *draft) {
	taken, numbers := make(map[string]bool), make(map[string]int)
	rename := func(p llm.Part) (llm.Part, string) {
		was := documentName(p)
		name, why := safeDocumentName(was), "characters, spaces or a length that Bedrock refuses are replaced"
		if taken[name] {
			why = "a name that another document has gets a number"
		}
		base := name
		for n := numbers[base] + 2; taken[name]; n++ {
			numbers[base] = n - 1
			suffix := fmt.Sprintf(" (%d)", n)
			name = strings.TrimSpace(base[:min(len(base), maxDocumentName-len(suffix))]) + suffix
		}
		taken[name] = true
		if name == was {
			return p, ""
		}
		return renamed(p, name), why
	}
	d.edit(documents|results, func(t *turn, it item) ([]item, bool) {
		if p, ok := it.part.(*llm.ToolResultPart); ok {
			return d.editResult(it, p, func(c llm.Part, _ location) (llm.Part, string) {
				if kindOf(c) == documents {
					return rename(c)
				}
				return c, ""
			})
		}
		now, why := rename(it.part)
		if why == "" {
			return nil, false
		}
		d.changed(llm.WarningRepaired, it.at, "name", "%s", why)
		return it.with(now), true
	})
	for i := range d.turns {
		t := &d.turns[i]
		if at := slices.IndexFunc(t.items, func(it item) bool { return kindOf(it.part) == documents }); at >= 0 && !slices.ContainsFunc(t.items, isPlainText) {
			d.changed(llm.WarningRepaired, t.items[at].at, "", "a text is put before it, since Bedrock takes no documents without one")
			t.items = slices.Insert(slices.Clone(t.items), at, item{part: llm.Text(filler), at: t.items[at].at})
		}
	}
}

// documentName is the name of a document, of the neutral kind or Bedrock's.
func documentName(part llm.Part) string {
	switch p := part.(type) {
	case *llm.DocumentPart:
		return p.Name
	case *llm.ProviderPart:
		return string(dataOf(p).get("name").appendString(nil))
	}
	return ""
}

// renamed is the same document with another name.
func renamed(part llm.Part, name string) llm.Part {
	switch p := part.(type) {
	case *llm.DocumentPart:
		mended := *p
		mended.Name = name
		return &mended
	case *llm.ProviderPart:
		members := make(map[string]json.RawMessage)
		_ = json.Unmarshal(p.Data, &members) // valid JSON; what is no object gets refused with its path
		members["name"], _ = json.Marshal(name)
		mended := *p
		mended.Data, _ = json.Marshal(members)
		return &mended
	}
	return part
}

// isPlainText says whether a part becomes a text block; with citations it does not.
func isPlainText(it item) bool {
	p, ok := it.part.(*llm.TextPart)
	return ok && len(p.Citations) == 0
}

// How many images and documents a message may have.
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
const (
	maxImages    = 20
	maxDocuments = 5
)

func mediaLimits(d *draft) {
	for _, t := range d.turns {
		images, docs := 0, 0
		for _, it := range t.items {
			if blockKind(it.part) == "image" {
				images++
			}
			if kindOf(it.part) == documents {
				docs++
			}
			switch {
			case images > maxImages:
				d.refuse(llm.ErrInvalidRequest, it.at, "", "the message has more than %d images, as many as Bedrock takes", maxImages)
			case docs > maxDocuments:
				d.refuse(llm.ErrInvalidRequest, it.at, "", "the message has more than %d documents, as many as Bedrock takes", maxDocuments)
			}
		}
	}
}

// safeDocumentName is a name with only letters, digits, single spaces, hyphens,
// underscores, parentheses and square brackets.
func safeDocumentName(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case r == ' ' || unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case r >= 0x80, !isName(string(r), 1) && !strings.ContainsRune("()[]", r):
			r = '-'
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	name := strings.TrimSpace(b.String()[:min(b.Len(), maxDocumentName)])
	if name == "" {
		return "document"
	}
	return name
}
