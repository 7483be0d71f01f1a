package bedrock

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// Locations of citations: Bedrock's union member, the neutral kind, and the member
// that says which document or search result.
var locations = []struct{ member, kind, index string }{
	{"web", "web", ""},
	{"documentChar", "document_char", "documentIndex"},
	{"documentPage", "document_page", "documentIndex"},
	{"documentChunk", "document_chunk", "documentIndex"},
	{"searchResultLocation", "search_result", "searchResultIndex"},
}

// citationsBlock encodes the model's text with citations. They must not end the
// conversation: what cannot go back is left out.
func (e *encoder) citationsBlock(p *llm.TextPart) types.ContentBlock {
	var citations []types.Citation
	for i, c := range p.Citations {
		field := fmt.Sprintf("citations[%d]", i)
		if len(c.Data) > 0 && p.Opaque != nil {
			native, err := nativeCitation(c.Data)
			if err == nil {
				citations = append(citations, native)
				continue
			}
			e.warnHere(llm.WarningDropped, field+".data", "a form that this version of the AWS SDK does not know")
		}
		neutral, err := citation(c)
		if err != nil {
			e.warnHere(llm.WarningDropped, field, err.Error())
			continue
		}
		citations = append(citations, neutral)
	}
	if len(citations) == 0 {
		return &types.ContentBlockMemberText{Value: p.Text}
	}
	return &types.ContentBlockMemberCitationsContent{Value: types.CitationsContentBlock{
		Content:   []types.CitationGeneratedContent{&types.CitationGeneratedContentMemberText{Value: p.Text}},
		Citations: citations,
	}}
}

// citation encodes what the neutral form holds of a citation.
func citation(c llm.Citation) (types.Citation, error) {
	var out types.Citation
	if c.Title != "" {
		out.Title = &c.Title
	}
	if c.Source != "" {
		out.Source = &c.Source
	}
	if c.Text != "" {
		out.SourceContent = []types.CitationSourceContent{&types.CitationSourceContentMemberText{Value: c.Text}}
	}
	document, start, end := int32Of(c.Document), int32Of(c.Start), int32Of(c.End)
	for name, pair := range map[string]struct {
		from *int
		to   *int32
	}{"document": {c.Document, document}, "start": {c.Start, start}, "end": {c.End, end}} {
		if pair.from != nil && pair.to == nil {
			return out, invalid(name, "beyond the 32 bits that Bedrock takes")
		}
	}
	switch c.Kind {
	case "":
	case "web":
		out.Location = &types.CitationLocationMemberWeb{Value: types.WebLocation{Url: &c.URL}}
	case "document_char":
		out.Location = &types.CitationLocationMemberDocumentChar{Value: types.DocumentCharLocation{DocumentIndex: document, Start: start, End: end}}
	case "document_page":
		out.Location = &types.CitationLocationMemberDocumentPage{Value: types.DocumentPageLocation{DocumentIndex: document, Start: start, End: end}}
	case "document_chunk":
		out.Location = &types.CitationLocationMemberDocumentChunk{Value: types.DocumentChunkLocation{DocumentIndex: document, Start: start, End: end}}
	case "search_result":
		out.Location = &types.CitationLocationMemberSearchResultLocation{Value: types.SearchResultLocation{SearchResultIndex: document, Start: start, End: end}}
	default:
		return out, unsupported("kind", "a location that Bedrock does not know")
	}
	return out, nil
}

// int32Of is nil where n is, or where it does not fit.
func int32Of(n *int) *int32 {
	if n == nil || *n > math.MaxInt32 || *n < math.MinInt32 {
		return nil
	}
	return new(int32(*n))
}

// nativeCitation reads a citation that the neutral form cannot hold, in Bedrock's.
func nativeCitation(data json.RawMessage) (types.Citation, error) {
	block, err := nativeBlock("citationsContent", json.RawMessage(`{"content":[],"citations":[`+string(data)+`]}`))
	if err != nil {
		return types.Citation{}, err
	}
	if c, ok := block.(*types.ContentBlockMemberCitationsContent); ok && len(c.Value.Citations) == 1 {
		return c.Value.Citations[0], nil
	}
	return types.Citation{}, invalid("data", "not what Bedrock knows as a citation")
}

// decodeCitation reads a citation of an answer. Data keeps all of it where the
// neutral fields cannot hold it.
func (d *jsonDecoder) decodeCitation(raw value) llm.Citation {
	var c llm.Citation
	raw = d.object(raw, "a citation")
	lossy := false
	for key, v := range raw.fields() {
		switch string(key) {
		case "title":
			c.Title = d.text(v)
		case "source":
			c.Source = d.text(v)
		case "sourceContent":
			text, n, whole := d.texts(d.list(v, "sourceContent"))
			c.Text = text
			lossy = lossy || n > 1 || !whole
		case "location":
			lossy = !d.decodeLocation(&c, v) || lossy
		default:
			lossy = true
		}
	}
	if lossy {
		c.Data = d.data(raw)
	}
	return c
}

// count is a number of a citation; nil for null.
func (d *jsonDecoder) count(v value) *int {
	n, ok := v.count()
	if !ok {
		if !v.isNull() {
			d.note("a citation's location that is not a number")
		}
		return nil
	}
	return &n
}

// decodeLocation says whether the neutral form holds all of the location.
func (d *jsonDecoder) decodeLocation(c *llm.Citation, loc value) bool {
	whole := true
	for member, v := range d.object(loc, "a location").fields() {
		i := 0
		for i < len(locations) && locations[i].member != string(member) {
			i++
		}
		if i == len(locations) {
			c.Kind = string(member)
			whole = false
			continue
		}
		c.Kind = locations[i].kind
		for name, n := range d.object(v, "a location").fields() {
			switch string(name) {
			case "url":
				c.URL = d.text(n)
			case "start":
				c.Start = d.count(n)
			case "end":
				c.End = d.count(n)
			case locations[i].index:
				c.Document = d.count(n)
			default:
				whole = false
			}
		}
	}
	return whole
}
