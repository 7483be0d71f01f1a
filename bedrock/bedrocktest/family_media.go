package bedrocktest

// media ranges over the media of all messages, with those in tool results.
func (c *call) media(yield func(block) bool) {
	for b := range c.blocks {
		blocks := []block{b}
		if b.kind == "toolResult" {
			blocks = b.results()
		}
		for _, b := range blocks {
			switch b.kind {
			case "image", "document", "video", "audio":
				if !yield(b) {
					return
				}
			}
		}
	}
}

func mediaKinds(c *call) *exception {
	p := c.profile
	refused := map[string]bool{"image": p.NoImages, "document": p.NoDocuments, "video": p.NoVideo, "audio": p.NoAudio}
	for b := range c.media {
		switch {
		case refused[b.kind] && b.kind == "document":
			return invalid("This model doesn't support documents.")
		case refused[b.kind]:
			return unsupportedBlock(b.kind)
		case p.NoS3 && b.v.get("source").get("s3Location") != nil:
			return unsupportedField("s3Location")
		}
	}
	return nil
}

func mediaRoles(c *call) *exception {
	for _, t := range c.turns {
		for _, kind := range []string{"image", "document"} {
			if t.role != "user" && !(t.role == "assistant" && c.profile.AssistantMedia) && len(t.of(kind)) > 0 {
				return invalid("This model doesn't support the %s field for %s messages. Remove %[1]s and try again.", kind, t.role)
			}
		}
	}
	return nil
}

// mediaLimits counts what stands in a message. The size of a single image or document
// is not judged: the guide's limits are older than the models.
func mediaLimits(c *call) *exception {
	for _, limit := range []struct {
		kind   string
		number int
	}{{"image", 20}, {"document", 5}} {
		for i, t := range c.turns {
			if n := len(t.of(limit.kind)); n > limit.number {
				return invalid("The number of %s blocks at messages.%d.content exceeds the maximum of %d.", limit.kind, i, limit.number)
			}
		}
	}
	return nil
}
