package ratelimit

// Keys returns the number of keys that a limiter of NewLimiter knows.
func Keys(l Limiter) int {
	in := l.(*limiter)
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.keys)
}

// Waiting returns the number of calls that wait for a key.
func Waiting(l Limiter, key string) int {
	in := l.(*limiter)
	in.mu.Lock()
	defer in.mu.Unlock()
	if q := in.keys[key]; q != nil {
		return q.waiting.Len()
	}
	return 0
}

// Running returns the number of calls that hold a permit of a key.
func Running(l Limiter, key string) int {
	in := l.(*limiter)
	in.mu.Lock()
	defer in.mu.Unlock()
	if q := in.keys[key]; q != nil {
		return q.running
	}
	return 0
}

const ManyKeys = manyKeys
