package main

import (
	"cmp"
	"encoding/json"

	"github.com/parley-sdk/parley/llm"
)

// location is a citation on the wire. The kinds name where the passage is in ways of
// their own.
type location struct {
	Type      string `json:"type"`
	CitedText string `json:"cited_text,omitempty"`
	Title     string `json:"title,omitempty"`
	URL       string `json:"url,omitempty"`
	Source    string `json:"source,omitempty"`

	DocumentTitle string `json:"document_title,omitempty"`
	FileID        string `json:"file_id,omitempty"`
	DocumentIndex *int   `json:"document_index,omitempty"`
	ResultIndex   *int   `json:"search_result_index,omitempty"`
	StartChar     *int   `json:"start_char_index,omitempty"`
	EndChar       *int   `json:"end_char_index,omitempty"`
	StartPage     *int   `json:"start_page_number,omitempty"`
	EndPage       *int   `json:"end_page_number,omitempty"`
	StartBlock    *int   `json:"start_block_index,omitempty"`
	EndBlock      *int   `json:"end_block_index,omitempty"`
}

// kinds are the vocabulary's words for them. Others keep their own.
var kinds = map[string]string{
	"char_location": "document_char", "page_location": "document_page", "content_block_location": "document_chunk",
	"search_result_location": "search_result", "web_search_result_location": "web",
}

// newCitation reads a citation. Data keeps all of it, for it may have to go back.
func newCitation(raw json.RawMessage) llm.Citation {
	var l location
	json.Unmarshal(raw, &l) // of another form: then Data is all that is known
	return llm.Citation{
		Kind: cmp.Or(kinds[l.Type], l.Type), Text: l.CitedText, URL: l.URL, Data: raw,
		Title:    cmp.Or(l.Title, l.DocumentTitle),
		Source:   cmp.Or(l.Source, l.FileID),
		Document: cmp.Or(l.DocumentIndex, l.ResultIndex),
		Start:    cmp.Or(l.StartChar, l.StartPage, l.StartBlock),
		End:      cmp.Or(l.EndChar, l.EndPage, l.EndBlock),
	}
}
