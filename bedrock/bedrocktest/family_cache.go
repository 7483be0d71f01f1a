package bedrocktest

// cachePoints ranges over the cache points with the list that each stands in and its
// place there, in the order in which a prompt is cached: tools, system, messages.
func (c *call) cachePoints(yield func(at int, list []block) bool) {
	for _, list := range c.lists() {
		for i, b := range list {
			if b.kind == "cachePoint" && !yield(i, list) {
				return
			}
		}
	}
}

// strayCachePoint is what a family says that caches, but not there.
func strayCachePoint(b block) *exception { return extraneous(b.at, "cachePoint") }

func cacheSections(c *call) *exception {
	p := c.profile
	allowed := map[string]bool{"toolConfig": p.CacheTools, "system": p.CacheSystem, "messages": p.CacheMessages}
	for i, list := range c.cachePoints {
		switch {
		case allowed[list[i].at[0].key]:
		case p.CacheTools || p.CacheSystem || p.CacheMessages:
			return strayCachePoint(list[i])
		default:
			return newException("AccessDeniedException", "You invoked an unsupported model or your request did not allow prompt caching. "+
				"See the documentation for more information.")
		}
	}
	return nil
}

func cacheBesideTools(c *call) *exception {
	for i, list := range c.cachePoints {
		t := turn{blocks: list}
		if !c.profile.CacheBesideTools && len(t.of("toolUse"))+len(t.of("toolResult")) > 0 {
			return strayCachePoint(list[i])
		}
	}
	return nil
}

func cacheAfterReasoning(c *call) *exception {
	for i, list := range c.cachePoints {
		if i > 0 && list[i-1].kind == "reasoningContent" {
			return invalid("Cache point cannot be inserted after reasoning block.")
		}
	}
	return nil
}

func cacheAfterDocument(c *call) *exception {
	for i, list := range c.cachePoints {
		if i > 0 && (list[i-1].kind == "document" || list[i-1].kind == "video") {
			return byModel("%s.type: Field required", list[i].at)
		}
	}
	return nil
}

func cacheHour(c *call) *exception {
	for i, list := range c.cachePoints {
		if ttl := list[i].v.get("ttl").string(); ttl == "1h" && !c.profile.CacheHour {
			return invalid("The value '1h' at %s.cachePoint.ttl is not supported by this model.", list[i].at)
		}
	}
	return nil
}

func cacheOrder(c *call) *exception {
	short := false
	for i, list := range c.cachePoints {
		hour := list[i].v.get("ttl").string() == "1h"
		if hour && short {
			return byModel("%s.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "+
				"Note that blocks are processed in the following order: `tools`, `system`, `messages`.", list[i].at)
		}
		short = short || !hour
	}
	return nil
}
