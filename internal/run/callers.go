package run

import "github.com/scw-key-rotator/rotator/internal/report"

// callers are the lines of the report on who can call private endpoints.
func (s *discovered) callers() []report.Caller {
	out := []report.Caller{}
	for _, c := range s.world.callers {
		line := report.Caller{
			Kind: c.Kind, ID: c.ID, Name: c.Name, PermissionSets: append([]string{}, c.Sets...), Products: []string{}, Conditional: c.Conditional, Keys: []report.CallerKey{},
			Why: "a person's keys are never rotated",
		}
		if c.Owner {
			line.Why = "the organization's owner: " + line.Why
		}
		for _, p := range c.Products {
			line.Products = append(line.Products, string(p))
		}
		for _, m := range s.world.members {
			if c.Kind == "application" && m.App.ID == c.ID {
				line.InScope, line.Why = m.In, m.Reason
			}
		}
		for _, k := range s.keysOf(c) {
			line.Keys = append(line.Keys, s.callerKey(c, k))
		}
		out = append(out, line)
	}
	return out
}
