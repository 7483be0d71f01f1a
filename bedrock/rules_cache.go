package bedrock

import (
	"slices"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// maxCachePoints is how many cache points a request may have.
// Source: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
const maxCachePoints = 4

// cachePointPlaces keeps the cache points that the family takes where they stand.
// Others move or are left out: they only tune.
func cachePointPlaces(d *draft) {
	p := d.profile
	d.toolCaches()
	if len(d.system) > 0 {
		d.system = d.cacheList(d.system, p.CacheSystem, "the system prompt")
	}
	for i := range d.turns {
		t := &d.turns[i]
		if !holds(t.items, cachePoints) {
			continue
		}
		where, taken := "messages", p.CacheMessages
		if taken && slices.ContainsFunc(t.items, usesTools) && !p.CacheBesideTools {
			where, taken = "a message with tool calls or results", false
		}
		t.items = d.cacheList(t.items, taken, where)
	}
	if d.err == nil {
		d.fewerCachePoints()
		d.cacheTTLs()
	}
}

func (d *draft) toolCaches() {
	for i, t := range d.req.Tools {
		if t.Cache != nil && !d.profile.CacheTools {
			d.changed(llm.WarningDropped, location{list: inTools, i: int32(i)}, "cache", "the model takes no cache points after tools")
			d.ownTools()
			d.req.Tools[i].Cache = nil
		}
	}
}

// cacheList keeps the cache points of one list in order.
func (d *draft) cacheList(items []item, taken bool, where string) []item {
	if !holds(items, cachePoints) {
		return items
	}
	var out []item
	for _, it := range items {
		if kindOf(it.part) != cachePoints {
			out = append(out, it)
			continue
		}
		switch {
		case !taken:
			d.changed(llm.WarningDropped, it.at, "", "the model takes no cache points in %s", where)
		case len(out) == 0 || kindOf(out[len(out)-1].part) == cachePoints:
			d.changed(llm.WarningDropped, it.at, "", "left out: there is nothing before it to cache")
		case kindOf(out[len(out)-1].part) == reasoning:
			d.changed(llm.WarningDropped, it.at, "", "left out: it cannot follow reasoning")
		case isLate(out[len(out)-1].part):
			early := len(out) // where the documents and videos begin
			for early > 0 && isLate(out[early-1].part) {
				early--
			}
			if early == 0 || kindOf(out[early-1].part)&(cachePoints|reasoning) != 0 {
				d.changed(llm.WarningDropped, it.at, "", "left out: it cannot follow documents or video")
				continue
			}
			d.changed(llm.WarningRepaired, it.at, "", "moved before the documents or video")
			out = slices.Insert(out, early, it)
		default:
			out = append(out, it)
		}
	}
	return out
}

// usesTools says whether a part is a call or a result, also of Bedrock's own.
func usesTools(it item) bool {
	p, ok := it.part.(*llm.ProviderPart)
	return kindOf(it.part)&(calls|results) != 0 || ok && (p.Kind == "toolUse" || p.Kind == "toolResult")
}

// isLate says whether a cache point cannot follow a part.
func isLate(p llm.Part) bool {
	return kindOf(p) == documents || blockKind(p) == "video"
}

// fewerCachePoints leaves out the oldest in the messages, then others: a later one
// covers what came before it.
func (d *draft) fewerCachePoints() {
	n := 0
	for _, t := range d.req.Tools {
		if t.Cache != nil {
			n++
		}
	}
	count := func(items []item) int {
		return len(slices.DeleteFunc(slices.Clone(items), func(it item) bool { return kindOf(it.part) != cachePoints }))
	}
	n += count(d.system)
	for _, t := range d.turns {
		n += count(t.items)
	}
	const why = "left out: Bedrock takes four cache points, and there are later ones"
	drop := func(items []item) []item {
		return slices.DeleteFunc(slices.Clone(items), func(it item) bool {
			if n <= maxCachePoints || kindOf(it.part) != cachePoints {
				return false
			}
			d.changed(llm.WarningDropped, it.at, "", why)
			n--
			return true
		})
	}
	for i := range d.turns {
		if n > maxCachePoints {
			d.turns[i].items = drop(d.turns[i].items)
		}
	}
	d.system = drop(d.system)
	for i, t := range d.req.Tools {
		if t.Cache != nil && n > maxCachePoints {
			d.changed(llm.WarningDropped, location{list: inTools, i: int32(i)}, "cache", why)
			d.ownTools()
			d.req.Tools[i].Cache = nil
			n--
		}
	}
}

// cacheTTLs brings lifetimes to those that there are, and lets none be longer than one
// before it, in the order tools, system, messages.
func (d *draft) cacheTTLs() {
	longest := time.Hour
	mend := func(p *llm.CachePointPart, at location, field string) *llm.CachePointPart {
		ttl := p.TTL
		switch {
		case ttl == 0 || ttl == 5*time.Minute:
		case ttl != time.Hour:
			d.changed(llm.WarningClamped, at, field, "%v: Bedrock knows 5m and 1h; its default is used", ttl)
			ttl = 0
		case !d.profile.CacheHour:
			d.changed(llm.WarningClamped, at, field, "the model takes no lifetime of an hour: the default of five minutes is used")
			ttl = 0
		case longest < time.Hour:
			d.changed(llm.WarningClamped, at, field, "lowered to five minutes, since a cache point before it has no more")
			ttl = 5 * time.Minute
		}
		if ttl < time.Hour {
			longest = 5 * time.Minute
		}
		if !d.profile.CacheHour {
			ttl = 0 // the family knows no field for it
		}
		if ttl == p.TTL {
			return p
		}
		return &llm.CachePointPart{TTL: ttl}
	}
	for i, t := range d.req.Tools {
		if t.Cache == nil {
			continue
		}
		if now := mend(t.Cache, location{list: inTools, i: int32(i)}, "cache.ttl"); now != t.Cache {
			d.ownTools()
			d.req.Tools[i].Cache = now
		}
	}
	each := func(items []item) []item {
		for i, it := range items {
			p, ok := it.part.(*llm.CachePointPart)
			if !ok {
				continue
			}
			if now := mend(p, it.at, "ttl"); now != p {
				items = slices.Clone(items)
				items[i].part = now
			}
		}
		return items
	}
	d.system = each(d.system)
	for i := range d.turns {
		d.turns[i].items = each(d.turns[i].items)
	}
}
