package usage

// SetTotal makes the total of a ledger one call of that cost.
func SetTotal(l *Ledger, c Cost) {
	for i := range l.table.shards {
		l.table.shards[i].total = sums{}
	}
	l.table.shards[0].total.Reported = Part{Calls: 1, Cost: c}
}

// CompactAfter makes a ledger write its file anew after so many calls.
func CompactAfter(l *Ledger, calls int64) { l.file.compactAfter = calls }
