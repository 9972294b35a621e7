package setup

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// rules are what a role needs, and no more: a rule for each scope and condition.
func (f Facts) rules(role Role) (out []Rule) {
	if role == Checking {
		return []Rule{{Sets: []string{"FunctionsPrivateAccess", "ContainersPrivateAccess"}, Projects: []string{f.ProjectID}}}
	}
	fence := f.fence()
	for _, set := range scaleway.Policy() {
		condition := fence.Condition(set)
		i := slices.IndexFunc(out, func(r Rule) bool { return r.Organization == set.Organization && r.Condition == condition })
		if i < 0 {
			i = len(out)
			out = append(out, Rule{Organization: set.Organization, Condition: condition})
			if !set.Organization {
				out[i].Projects = []string{f.ProjectID}
			}
		}
		out[i].Sets = append(out[i].Sets, set.Name)
	}
	return out
}

// fence is what narrows the function's policy: the folder, and the hours that were
// asked for, now or when the policy was made.
func (f Facts) fence() scaleway.Fence {
	if f.Narrow.None {
		return scaleway.Fence{}
	}
	fence := scaleway.Fence{Folder: f.Narrow.Folder, Window: f.Narrow.Window}
	if policy, err := f.policy(Function); err == nil && policy != nil && fence.Window == nil {
		var grants []scaleway.Grant
		for _, r := range policy.Rules {
			grants = append(grants, scaleway.Grant{PermissionSets: r.Sets, Organization: r.Organization, Condition: r.Condition})
		}
		fence.Window = scaleway.KeyWindow(grants)
	}
	return fence
}

// checked refuses a folder that the function would refuse, and hours at which no run
// comes.
func (n Narrow) checked() error {
	if n.None {
		return nil
	}
	var problems []error
	if _, is := scaleway.FolderOf(scaleway.FolderCondition(n.Folder)); !is && n.Folder != "" && n.Folder != "/" {
		problems = append(problems, fmt.Errorf("ROTATOR_SECRET_PATH: %q: want a path such as /rotator, without a slash at its end", n.Folder))
	}
	if n.Window == nil {
		return errors.Join(problems...)
	}
	for _, start := range n.Starts {
		if at := (time.Time{}).Add(start); !n.Window.Holds(at) || !n.Window.Holds(at.Add(n.Run)) {
			problems = append(problems, fmt.Errorf("--only-at %s: the cron of serverless.yml starts a run at %s UTC, which may take %s: want hours that hold all of it, or another schedule",
				n.Window, at.Format("15:04"), n.Run))
			break
		}
	}
	return errors.Join(problems...)
}

// same tells whether two policies grant the same, however it is cut into rules.
func same(a, b []Rule) bool { return maps.Equal(granted(a), granted(b)) }

func granted(list []Rule) map[string]bool {
	out := map[string]bool{}
	for _, r := range list {
		scopes := slices.Clone(r.Projects)
		if r.Organization {
			scopes = []string{"the organization"}
		}
		for _, scope := range scopes {
			for _, set := range r.Sets {
				out[set+" on "+scope+" if "+r.Condition] = true
			}
		}
	}
	return out
}

func said(list []Rule, project string) string {
	var parts []string
	for _, r := range list {
		scope := "project " + strings.Join(r.Projects, " and ")
		switch {
		case r.Organization:
			scope = "the organization"
		case slices.Equal(r.Projects, []string{project}):
			scope = "this project"
		}
		text := strings.Join(r.Sets, ", ") + " on " + scope
		if folder, is := scaleway.FolderOf(r.Condition); is {
			text += ", in " + folder + " alone"
		} else if hours, is := scaleway.WindowOf(r.Condition); is {
			text += ", " + hours.Alone()
		} else if r.Condition != "" {
			text += " if " + r.Condition
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}
