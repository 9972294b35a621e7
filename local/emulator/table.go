package emulator

// table holds the rows of one kind in the order in which they were created.
type table[T any] struct {
	rows  map[string]*T
	order []string
}

func (t *table[T]) put(id string, row *T) {
	if t.rows == nil {
		t.rows = map[string]*T{}
	}
	if _, known := t.rows[id]; !known {
		t.order = append(t.order, id)
	}
	t.rows[id] = row
}

func (t *table[T]) get(id string) *T { return t.rows[id] }

func (t *table[T]) remove(id string) {
	if _, known := t.rows[id]; !known {
		return
	}
	delete(t.rows, id)
	for i, other := range t.order {
		if other == id {
			t.order = append(t.order[:i:i], t.order[i+1:]...)
			return
		}
	}
}

// all returns the rows that keep holds for (nil: all), oldest first.
func (t *table[T]) all(keep func(*T) bool) []*T {
	out := []*T{}
	for _, id := range t.order {
		if row := t.rows[id]; keep == nil || keep(row) {
			out = append(out, row)
		}
	}
	return out
}
