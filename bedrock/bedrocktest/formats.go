package bedrocktest

import (
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// formats are Bedrock's names for kinds of file, by the member of the content block
// that holds them, with their media types. Where several formats have one media
// type, the first is what the server writes.
var formats = []struct{ member, format, mediaType string }{
	{"image", "png", "image/png"},
	{"image", "jpeg", "image/jpeg"},
	{"image", "gif", "image/gif"},
	{"image", "webp", "image/webp"},

	{"video", "mp4", "video/mp4"},
	{"video", "mov", "video/quicktime"},
	{"video", "mkv", "video/x-matroska"},
	{"video", "webm", "video/webm"},
	{"video", "flv", "video/x-flv"},
	{"video", "mpeg", "video/mpeg"},
	{"video", "mpg", "video/mpeg"},
	{"video", "wmv", "video/x-ms-wmv"},
	{"video", "three_gp", "video/3gpp"},

	{"audio", "mp3", "audio/mpeg"},
	{"audio", "mpeg", "audio/mpeg"},
	{"audio", "mpga", "audio/mpeg"},
	{"audio", "wav", "audio/wav"},
	{"audio", "flac", "audio/flac"},
	{"audio", "ogg", "audio/ogg"},
	{"audio", "opus", "audio/opus"},
	{"audio", "aac", "audio/aac"},
	{"audio", "x-aac", "audio/x-aac"},
	{"audio", "mp4", "audio/mp4"},
	{"audio", "m4a", "audio/x-m4a"},
	{"audio", "mka", "audio/x-matroska"},
	{"audio", "mkv", "audio/x-matroska"},
	{"audio", "pcm", "audio/pcm"},
	{"audio", "webm", "audio/webm"},

	{"document", "pdf", "application/pdf"},
	{"document", "csv", "text/csv"},
	{"document", "doc", "application/msword"},
	{"document", "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{"document", "xls", "application/vnd.ms-excel"},
	{"document", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{"document", "html", "text/html"},
	{"document", "txt", "text/plain"},
	{"document", "md", "text/markdown"},
}

// mediaType is the media type of a format; "" where the format is.
func mediaType(member, format string) string {
	for _, f := range formats {
		if f.member == member && f.format == format {
			return f.mediaType
		}
	}
	return ""
}

// formatOf is the member and the format for a media type. One that Bedrock has no
// name for keeps the second half of its own, and one that is not known is an image's.
func formatOf(mediaType string) (member, format string) {
	if mediaType == "" {
		return "image", ""
	}
	for _, f := range formats {
		if f.mediaType == mediaType {
			return f.member, f.format
		}
	}
	member, format, _ = strings.Cut(mediaType, "/")
	return member, format
}

// mediaTypeOf is the media type of a part, found out from its bytes where the part
// does not say.
func mediaTypeOf(given string, data []byte) string {
	if given == "" {
		return llm.DetectMediaType(data)
	}
	return given
}
