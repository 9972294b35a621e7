package deliver

import (
	"maps"
	"slices"
	"strings"
)

// ToDo says what is to be done to a consumer: the variables that change, or why
// it starts anew.
func (d *Delivery) ToDo(c *Consumer) string {
	if c.changes() {
		names := slices.Concat(slices.Collect(maps.Keys(c.plain)), slices.Collect(maps.Keys(c.secrets)))
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	return c.redeploy
}
