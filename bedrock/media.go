package bedrock

import (
	"cmp"
	"encoding/base64"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// maxInline is the largest request body that Bedrock Runtime takes, in bytes. Inline
// media is sent in base64, a third larger.
const maxInline = 25_000_000

// Media types and Bedrock's names for them.
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
var (
	imageFormats = map[string]types.ImageFormat{
		"image/png": types.ImageFormatPng, "image/jpeg": types.ImageFormatJpeg, "image/jpg": types.ImageFormatJpeg,
		"image/gif": types.ImageFormatGif, "image/webp": types.ImageFormatWebp,
	}
	videoFormats = map[string]types.VideoFormat{
		"video/mp4": types.VideoFormatMp4, "video/quicktime": types.VideoFormatMov, "video/webm": types.VideoFormatWebm,
		"video/x-matroska": types.VideoFormatMkv, "video/x-flv": types.VideoFormatFlv, "video/mpeg": types.VideoFormatMpeg,
		"video/x-ms-wmv": types.VideoFormatWmv, "video/3gpp": types.VideoFormatThreeGp,
	}
	audioFormats = map[string]types.AudioFormat{
		"audio/mpeg": types.AudioFormatMp3, "audio/mp3": types.AudioFormatMp3, "audio/wav": types.AudioFormatWav,
		"audio/x-wav": types.AudioFormatWav, "audio/aac": types.AudioFormatAac, "audio/flac": types.AudioFormatFlac,
		"audio/mp4": types.AudioFormatMp4, "audio/x-m4a": types.AudioFormatM4a, "audio/ogg": types.AudioFormatOgg,
		"audio/opus": types.AudioFormatOpus, "audio/webm": types.AudioFormatWebm, "audio/x-matroska": types.AudioFormatMka,
		"audio/pcm": types.AudioFormatPcm,
	}
	documentFormats = map[string]types.DocumentFormat{
		"application/pdf": types.DocumentFormatPdf, "text/csv": types.DocumentFormatCsv, "text/html": types.DocumentFormatHtml,
		"text/plain": types.DocumentFormatTxt, "text/markdown": types.DocumentFormatMd,
		"application/msword": types.DocumentFormatDoc, "application/vnd.ms-excel": types.DocumentFormatXls,
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document": types.DocumentFormatDocx,
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":       types.DocumentFormatXlsx,
	}
)

// mediaTypeOf is the media type that a part states, or else that its bytes show,
// without parameters.
func mediaTypeOf(stated string, data []byte) string {
	if stated == "" {
		return llm.DetectMediaType(data)
	}
	stated, _, _ = strings.Cut(stated, ";")
	return strings.ToLower(strings.TrimSpace(stated))
}

// s3Location reads a URI that Bedrock can fetch: s3://bucket/key. An owner of the
// bucket comes before that of the request.
func (e *encoder) s3Location(uri, owner string) (types.S3Location, error) {
	if !strings.HasPrefix(uri, "s3://") {
		return types.S3Location{}, unsupported("uri", "Bedrock reads s3:// only: send the bytes instead")
	}
	loc := types.S3Location{Uri: &uri}
	if owner = cmp.Or(owner, e.owner); owner != "" {
		loc.BucketOwner = &owner
	}
	return loc, nil
}

// media encodes a media part as an image, video or audio block.
func (e *encoder) media(p *llm.MediaPart) (types.ContentBlock, error) {
	mediaType := mediaTypeOf(p.MediaType, p.Data)
	if image, ok := imageFormats[mediaType]; ok {
		source, err := e.imageSource(p)
		return &types.ContentBlockMemberImage{Value: types.ImageBlock{Format: image, Source: source}}, err
	}
	if video, ok := videoFormats[mediaType]; ok {
		source, err := e.videoSource(p)
		return &types.ContentBlockMemberVideo{Value: types.VideoBlock{Format: video, Source: source}}, err
	}
	if audio, ok := audioFormats[mediaType]; ok {
		source, err := e.audioSource(p)
		return &types.ContentBlockMemberAudio{Value: types.AudioBlock{Format: audio, Source: source}}, err
	}
	if mediaType == "" {
		return nil, invalid("media_type", "missing, and not to be told from the data")
	}
	return nil, unsupported("media_type", "not an image, video or audio type that Bedrock takes")
}

func (e *encoder) imageSource(p *llm.MediaPart) (types.ImageSource, error) {
	if p.URI == "" {
		return &types.ImageSourceMemberBytes{Value: p.Data}, e.inline(len(p.Data))
	}
	loc, err := e.s3Location(p.URI, bucketOwner(p.Opaque))
	return &types.ImageSourceMemberS3Location{Value: loc}, err
}

func (e *encoder) videoSource(p *llm.MediaPart) (types.VideoSource, error) {
	if p.URI == "" {
		return &types.VideoSourceMemberBytes{Value: p.Data}, e.inline(len(p.Data))
	}
	loc, err := e.s3Location(p.URI, bucketOwner(p.Opaque))
	return &types.VideoSourceMemberS3Location{Value: loc}, err
}

func (e *encoder) audioSource(p *llm.MediaPart) (types.AudioSource, error) {
	if p.URI == "" {
		return &types.AudioSourceMemberBytes{Value: p.Data}, e.inline(len(p.Data))
	}
	loc, err := e.s3Location(p.URI, bucketOwner(p.Opaque))
	return &types.AudioSourceMemberS3Location{Value: loc}, err
}

// document encodes a document part.
func (e *encoder) document(p *llm.DocumentPart) (types.DocumentBlock, error) {
	block := types.DocumentBlock{Name: &p.Name}
	mediaType := mediaTypeOf(p.MediaType, p.Data)
	if mediaType == "" && p.Text != "" {
		mediaType = "text/plain"
	}
	var ok bool
	if block.Format, ok = documentFormats[mediaType]; !ok {
		if mediaType == "" {
			return block, invalid("media_type", "missing, and not to be told from the data")
		}
		return block, unsupported("media_type", "not a document type that Bedrock takes")
	}
	if p.Context != "" {
		block.Context = &p.Context
	}
	if p.Cite {
		block.Citations = &types.CitationsConfig{Enabled: new(true)}
	}
	switch {
	case p.URI != "":
		loc, err := e.s3Location(p.URI, "")
		block.Source = &types.DocumentSourceMemberS3Location{Value: loc}
		return block, err
	case p.Text != "" && p.Cite:
		block.Source = &types.DocumentSourceMemberText{Value: p.Text}
		return block, nil
	case p.Text != "":
		// Bedrock takes text as such only for citing.
		block.Source = &types.DocumentSourceMemberBytes{Value: []byte(p.Text)}
		return block, e.inline(len(p.Text))
	}
	block.Source = &types.DocumentSourceMemberBytes{Value: p.Data}
	return block, e.inline(len(p.Data))
}

// inline counts bytes that are sent within the request.
func (e *encoder) inline(n int) error {
	e.inlined += base64.StdEncoding.EncodedLen(n)
	if e.inlined > maxInline {
		return invalid("", "too large: the media of the request comes to %d bytes in base64, and Bedrock takes at most %d: shrink it, or put it into S3 and send its s3:// URI", e.inlined, maxInline)
	}
	return nil
}
