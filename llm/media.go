package llm

import (
	"bytes"
	"os"
)

// ImageFile reads an image file: png, jpeg, gif or webp, told by its first bytes
// and not by its name. The error is an [ErrInvalidRequest] where the file cannot be
// read or is something else; errors.Is(err, fs.ErrNotExist) and its kin still hold. The
// part is nil only with an error.
func ImageFile(path string) (*MediaPart, error) {
	fail := func(message string, err error) (*MediaPart, error) {
		return nil, &Error{Code: ErrInvalidRequest, Op: "image file", Message: message, Err: err}
	}
	info, err := os.Stat(path)
	if err != nil {
		return fail("cannot read "+path, err)
	}
	// A pipe or a device would block, or never end.
	if !info.Mode().IsRegular() {
		return fail("not a regular file: "+path, nil)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fail("cannot read "+path, err)
	}
	switch t := DetectMediaType(data); t {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return &MediaPart{MediaType: t, Data: data}, nil
	}
	return fail("not a png, jpeg, gif or webp image: "+path, nil)
}

// DetectMediaType tells the media type of a file from its first bytes: images
// (png, jpeg, gif, webp, heic, avif), video (mp4, quicktime, 3gpp, webm, matroska,
// flv), sound (mp3, mp4, wav, flac, ogg, aac) and pdf. It returns "" for anything else.
//
// The table is our own because that of net/http brings a whole HTTP stack into
// programs that need this package alone.
func DetectMediaType(data []byte) string {
	has := func(at int, magic string) bool {
		return len(data) >= at+len(magic) && string(data[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "\x89PNG\r\n\x1a\n"):
		return "image/png"
	case has(0, "\xff\xd8\xff"):
		return "image/jpeg"
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return "image/gif"
	case has(0, "RIFF") && has(8, "WEBP"):
		return "image/webp"
	case has(0, "RIFF") && has(8, "WAVE"):
		return "audio/wav"
	case has(0, "%PDF-"):
		return "application/pdf"
	case has(4, "ftypheic"), has(4, "ftypheix"), has(4, "ftypmif1"), has(4, "ftypmsf1"):
		return "image/heic"
	case has(4, "ftypavif"), has(4, "ftypavis"):
		return "image/avif"
	case has(4, "ftyp3g"):
		return "video/3gpp"
	case has(4, "ftypM4A"):
		return "audio/mp4"
	case has(4, "ftypqt"):
		return "video/quicktime"
	case has(4, "ftyp"):
		return "video/mp4"
	case has(0, "\x1aE\xdf\xa3"):
		// Matroska and WebM share a header that names the document type within it.
		if bytes.Contains(data[:min(len(data), 64)], []byte("webm")) {
			return "video/webm"
		}
		return "video/x-matroska"
	case has(0, "FLV\x01"):
		return "video/x-flv"
	case has(0, "fLaC"):
		return "audio/flac"
	case has(0, "OggS"):
		return "audio/ogg"
	case has(0, "\xff\xf1"), has(0, "\xff\xf9"):
		return "audio/aac"
	case has(0, "ID3"), has(0, "\xff\xfb"), has(0, "\xff\xf3"), has(0, "\xff\xf2"):
		return "audio/mpeg"
	}
	return ""
}
