package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Paging is how one product pages: IAM takes page_size 1 to 100 and gives 20 by
// default; others gave 42 in one page unasked (docs/scaleway.md, Lists).
type Paging struct {
	size int // the default page size
	max  int
}

var (
	// IAMPaging is how IAM pages, ProductPaging how all others do.
	IAMPaging     = Paging{size: 20, max: 100}
	ProductPaging = Paging{size: 50, max: 100}
)

// List answers a page of rows under the plural's name, with total_count.
func (c *Call) List(plural string, rows []any, p Paging) (any, error) {
	q := c.Request.URL.Query()
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

func (p Paging) number(q url.Values, name string, unset, most int) (int, error) {
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

// Filter returns the values of a query filter that restrict anything: absent,
// empty and "unknown_…" ones do not (the SDK sends them as "not given").
func (c *Call) Filter(name string) []string {
	if c.Settings.Answers.IgnoreFilters {
		return nil
	}
	values := slices.DeleteFunc(slices.Clone(c.Request.URL.Query()[name]), func(v string) bool {
		return v == "" || strings.HasPrefix(v, "unknown_")
	})
	return values
}

// Passes tells whether value is among the filter's values, or the filter
// restricts nothing.
func (c *Call) Passes(name, value string) bool {
	want := c.Filter(name)
	return len(want) == 0 || slices.Contains(want, value)
}

// Ordered sorts rows by the query's order_by, KEY_asc or KEY_desc; less is by
// key. Rows come oldest first, so created_at needs no comparison.
func Ordered[T any](c *Call, rows []T, unset string, less map[string]func(a, b T) int) []T {
	order := c.Request.URL.Query().Get("order_by")
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

// PassesBool is Passes for a filter that is true, false or absent.
func (c *Call) PassesBool(name string, value bool) bool {
	return c.Passes(name, strconv.FormatBool(value))
}

// PassesTag is the filter that the SDK calls "tags containing a given string".
// Filters on names compare the whole name (A19).
func (c *Call) PassesTag(tags []string) bool {
	want := c.Filter("tag")
	return len(want) == 0 || slices.ContainsFunc(tags, func(tag string) bool { return strings.Contains(tag, want[0]) })
}

// PassesAny is Passes for a row that has several values.
func (c *Call) PassesAny(name string, values []string) bool {
	want := c.Filter(name)
	return len(want) == 0 || slices.ContainsFunc(values, func(v string) bool { return slices.Contains(want, v) })
}
