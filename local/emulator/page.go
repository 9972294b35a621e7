package emulator

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// paging is how one product pages. FACTS section 1: IAM takes page_size 1 to
// 100 and gives 20 by default; others gave 42 in one page unasked.
type paging struct {
	size int // the default page size
	max  int
}

var (
	iamPaging     = paging{size: 20, max: 100}
	productPaging = paging{size: 50, max: 100}
)

// list answers a page of rows under the plural's name, with total_count.
func (c *call) list(plural string, rows []any, p paging) (any, error) {
	q := c.r.URL.Query()
	page, err := p.number(q, "page", 1, 1<<30)
	if err != nil {
		return nil, err
	}
	size, err := p.number(q, "page_size", p.size, p.max)
	if err != nil {
		return nil, err
	}
	total := len(rows)
	from := min((page-1)*size, total)
	return wire.Object{plural: rows[from:min(from+size, total)], "total_count": total}, nil
}

func (p paging) number(q url.Values, name string, unset, most int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return unset, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, wire.Invalid(name, "constraint", "must be between 1 and "+strconv.Itoa(most))
	}
	return n, nil
}

// filter returns the values of a query filter that restrict anything: absent,
// empty and "unknown_…" ones do not (the SDK sends them as "not given").
func (c *call) filter(name string) []string {
	if c.options.Answers.IgnoreFilters {
		return nil
	}
	values := slices.DeleteFunc(slices.Clone(c.r.URL.Query()[name]), func(v string) bool {
		return v == "" || strings.HasPrefix(v, "unknown_")
	})
	return values
}

// passes tells whether value is among the filter's values, or the filter
// restricts nothing.
func (c *call) passes(name, value string) bool {
	want := c.filter(name)
	return len(want) == 0 || slices.Contains(want, value)
}

// ordered sorts rows by the query's order_by, KEY_asc or KEY_desc; less is by
// key. Rows come oldest first, so created_at needs no comparison.
func ordered[T any](c *call, rows []T, unset string, less map[string]func(a, b T) int) []T {
	order := c.r.URL.Query().Get("order_by")
	if order == "" {
		order = unset
	}
	key, desc := strings.CutSuffix(order, "_desc")
	key = strings.TrimSuffix(key, "_asc")
	if compare, ok := less[key]; ok {
		slices.SortStableFunc(rows, compare)
	}
	if desc {
		slices.Reverse(rows)
	}
	return rows
}
