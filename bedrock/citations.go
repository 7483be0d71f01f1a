package bedrock

import (
	"encoding/json"
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

// citationsBlock encodes text with citations.
func citationsBlock(p *llm.TextPart) (types.ContentBlock, error) {
	block := types.CitationsContentBlock{
		Content:   []types.CitationGeneratedContent{&types.CitationGeneratedContentMemberText{Value: p.Text}},
		Citations: make([]types.Citation, len(p.Citations)),
	}
	for i, c := range p.Citations {
		var err error
		if block.Citations[i], err = citationOf(c, p.Opaque != nil); err != nil {
			return nil, within(err, "citations[%d]", i)
		}
	}
	return &types.ContentBlockMemberCitationsContent{Value: block}, nil
}

// citationOf encodes a citation: one of the service's own making as it came.
func citationOf(c llm.Citation, native bool) (types.Citation, error) {
	if native && len(c.Data) > 0 {
		return nativeCitation(c.Data)
	}
	return citation(c)
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

// CitationLocation returns where a citation points as the AWS SDK's own type, for
// what the neutral fields lack, such as the domain of a web page. It is false for a
// citation without a location, or of a kind that Bedrock does not have.
func CitationLocation(c llm.Citation) (types.CitationLocation, bool) {
	if len(c.Data) > 0 {
		if own, err := nativeCitation(c.Data); err == nil && own.Location != nil {
			return own.Location, true
		}
	}
	own, err := citation(c)
	return own.Location, err == nil && own.Location != nil
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
