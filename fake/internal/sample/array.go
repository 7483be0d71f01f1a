package sample

import "slices"

// array makes one item, or as many as there must be.
func (g *generator) array(flat []schema) (any, error) {
	need := most(flat, "minItems")
	if need > maxSize {
		return nil, limiting(flat, "minItems").fault("minItems", "more than fake.Auto can make of it")
	}
	n := 1
	if !g.plain {
		n += g.rng.IntN(3)
	}
	var wanted []contained
	rounds := 0
	for _, s := range flat {
		if sub, ok := s.at("contains"); ok {
			k := min(s.size("minContains", 1), maxSize)
			wanted = append(wanted, contained{sub, k})
			rounds += k
		}
		rounds = max(rounds, len(s.list("prefixItems")), len(s.list("items")))
	}
	n = max(need, min(n, least(flat, "maxItems", maxSize)))

	list, size := []any{}, 0
	open := func() bool { return slices.ContainsFunc(wanted, func(c contained) bool { return c.n > 0 }) }
	for i := 0; i < n || open() && i < n+rounds; i++ {
		v, err := g.item(flat, i, wanted, list)
		if err != nil {
			if i >= need && !open() {
				break
			}
			return nil, err
		}
		list = append(list, v)
		if size += len(encode(v)); size > maxBytes {
			return nil, limiting(flat, "minItems").fault("minItems", tooLarge)
		}
	}
	return list, nil
}

// contained is a schema that so many more items must satisfy.
type contained struct {
	schema
	n int
}

// item makes the i-th item, which also satisfies what the array must still contain,
// where it can.
func (g *generator) item(flat []schema, i int, wanted []contained, before []any) (any, error) {
	var goal []schema
	for _, s := range flat {
		goal = append(goal, s.item(i)...)
	}
	v, err := g.fresh(flat, goal, before)
	for j := range wanted {
		if w := &wanted[j]; w.n > 0 && g.left > 0 {
			both := append(slices.Clip(goal), w.schema)
			if better, failed := g.fresh(flat, both, before); failed == nil {
				v, err, goal = better, nil, both
				w.n--
			}
		}
	}
	return v, err
}

// fresh makes an item that is not among those before, if they must differ.
func (g *generator) fresh(flat, goal []schema, before []any) (any, error) {
	g.spend((len(flat) + len(before)) / perStep)
	i := slices.IndexFunc(flat, func(s schema) bool { u, _ := s.has("uniqueItems"); return u == true })
	if i < 0 {
		return g.value(goal)
	}
	was := [2]bool{g.plain, g.Vary}
	defer func() { g.plain, g.Vary = was[0], was[1] }()
	for range 4 * attempts {
		g.spend(len(before) / perStep)
		v, err := g.value(goal)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(before, func(b any) bool { return equal(b, v) }) {
			return v, nil
		}
		g.plain, g.Vary = false, true
	}
	return nil, flat[i].fault("uniqueItems", "fake.Auto finds too few items that differ")
}

// limiting is the schema that has a keyword.
func limiting(flat []schema, key string) schema {
	for _, s := range flat {
		if _, ok := s.has(key); ok {
			return s
		}
	}
	return flat[0]
}
