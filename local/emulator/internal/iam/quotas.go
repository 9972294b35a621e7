package iam

import (
	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// The names of quotas, in lists and in what a refusal names (A91).
const (
	quotaApplications = "iam_applications"
	quotaKeys         = "iam_api_keys"
	quotaPolicies     = "iam_policies"
)

// quotum is one as the SDK has it: a limit, or none.
type quotum struct {
	Name         string        `json:"name"`
	Limit        *int          `json:"limit,omitempty"` // one of the two
	Unlimited    bool          `json:"unlimited,omitempty"`
	PrettyName   string        `json:"pretty_name"`
	Unit         string        `json:"unit"`
	Description  string        `json:"description"`
	LocalityType string        `json:"locality_type"`
	Limits       []quotumLimit `json:"limits"`
}

type quotumLimit struct {
	Global    bool `json:"global"`
	Limit     *int `json:"limit,omitempty"` // one of the two
	Unlimited bool `json:"unlimited,omitempty"`
}

// listQuota lists how many there may be of what is made here. No list of them was
// ever recorded (A91).
func listQuota(c *call) (any, error) {
	if err := c.listing(); err != nil {
		return nil, err
	}
	most := c.Settings.Quotas
	var rows []*quotum
	for _, q := range []struct {
		name, pretty string
		most         int
	}{{quotaKeys, "API keys", most.KeysPerOrganization}, {quotaApplications, "applications", most.Applications}, {quotaPolicies, "policies", most.Policies}} {
		if !c.Passes("quotum_names", q.name) {
			continue
		}
		row := &quotum{Name: q.name, PrettyName: q.pretty, LocalityType: "global", Unlimited: true}
		if q.most > 0 {
			row.Limit, row.Unlimited = &q.most, false
		}
		row.Limits = []quotumLimit{{Global: true, Limit: row.Limit, Unlimited: row.Unlimited}}
		rows = append(rows, row)
	}
	rows = api.Ordered(c.Call, rows, "name_asc", map[string]func(a, b *quotum) int{
		"name": wire.ByText(func(q *quotum) string { return q.Name }),
	})
	return c.List("quota", wire.Views(rows, func(q *quotum) any { return q }), api.IAMPaging)
}

// roomFor refuses one more of what there are enough of; most 0 is no limit.
func roomFor(name string, have, most int) error {
	if most > 0 && have >= most {
		return wire.QuotaExceeded(name, most, have)
	}
	return nil
}
