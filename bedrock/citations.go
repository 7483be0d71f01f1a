package bedrock

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// Locations of citations: Bedrock's union member, and the neutral kind. Those with
// an index field count documents or search results.
var locations = []struct{ member, kind, index string }{
	{"web", "web", ""},
	{"documentChar", "document_char", "documentIndex"},
	{"documentPage", "document_page", "documentIndex"},
	{"documentChunk", "document_chunk", "documentIndex"},
	{"searchResultLocation", "search_result", "searchResultIndex"},
}

// citationsBlock encodes text with citations. It goes through JSON, as a citation
// that the neutral form cannot hold is kept as JSON.
func citationsBlock(p *llm.TextPart) (types.ContentBlock, error) {
	type text struct {
		Text string `json:"text"`
	}
	type citation struct {
		Title         string         `json:"title,omitempty"`
		Source        string         `json:"source,omitempty"`
		SourceContent []text         `json:"sourceContent,omitempty"`
		Location      map[string]any `json:"location,omitempty"`
	}
	var block struct {
		Content   []text `json:"content"`
		Citations []any  `json:"citations"`
	}
	block.Content = []text{{p.Text}}
	for _, c := range p.Citations {
		if len(c.Data) > 0 && p.Opaque != nil {
			block.Citations = append(block.Citations, c.Data)
			continue
		}
		out := citation{Title: c.Title, Source: c.Source, Location: citedLocation(c)}
		if c.Text != "" {
			out.SourceContent = []text{{c.Text}}
		}
		block.Citations = append(block.Citations, out)
	}
	data, err := json.Marshal(block)
	if err != nil {
		return nil, invalid("citations.data", "not valid JSON")
	}
	return nativeBlock("citationsContent", data)
}

// citedLocation is where a citation points, or nil where the neutral form does not say
// it in a way that Bedrock knows.
func citedLocation(c llm.Citation) map[string]any {
	for _, l := range locations {
		if l.kind != c.Kind {
			continue
		}
		fields := map[string]any{}
		if l.index == "" {
			fields["url"] = c.URL
		} else {
			for name, v := range map[string]*int{l.index: c.Document, "start": c.Start, "end": c.End} {
				if v != nil {
					fields[name] = *v
				}
			}
		}
		return map[string]any{l.member: fields}
	}
	return nil
}

// decodeCitation reads a citation of an answer. Data keeps all of it where the
// neutral fields cannot hold it.
func (d *jsonDecoder) decodeCitation(raw value) llm.Citation {
	var c llm.Citation
	lossy := false
	for key, v := range raw.fields() {
		switch string(key) {
		case "title":
			c.Title = d.text(v)
		case "source":
			c.Source = d.text(v)
		case "sourceContent":
			n := 0
			for item := range v.items() {
				c.Text += d.text(item.get("text"))
				n++
			}
			lossy = lossy || n > 1
		case "location":
			lossy = !d.decodeLocation(&c, v) || lossy
		default:
			lossy = true
		}
	}
	if lossy {
		c.Data = raw.clone()
	}
	return c
}

// decodeLocation says whether the neutral form holds all of the location.
func (d *jsonDecoder) decodeLocation(c *llm.Citation, loc value) bool {
	whole := true
	for member, v := range loc.fields() {
		i := 0
		for i < len(locations) && locations[i].member != string(member) {
			i++
		}
		if i == len(locations) {
			c.Kind = d.text(quoted(member))
			whole = false
			continue
		}
		c.Kind = locations[i].kind
		for name, n := range v.fields() {
			switch string(name) {
			case "url":
				c.URL = d.text(n)
			case "start":
				c.Start = new(n.int())
			case "end":
				c.End = new(n.int())
			case locations[i].index:
				c.Document = new(n.int())
			default:
				whole = false
			}
		}
	}
	return whole
}
