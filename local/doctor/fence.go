package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

const makeSetup = "make setup"

// within says of a rule's condition when the function gets what the rule gives; known
// is false where that cannot be told. A rule without one gives it always.
func (f *facts) within(g granted, need scaleway.PermissionSet) (says string, holds, known bool) {
	if g.Condition == "" {
		return "", true, true
	}
	if hours, is := scaleway.WindowOf(g.Condition); is && need.Name == keysSet {
		return ", " + hours.Alone(), true, true
	}
	if folder, is := scaleway.FolderOf(g.Condition); is && secretsSet(need.Name) {
		return ", in " + folder + " alone", strings.HasPrefix(f.settings.SecretPath+"/", folder+"/"), true
	}
	return " if " + g.Condition, false, false
}

// keysSet is the permission set that may be granted within hours alone.
const keysSet = "IAMApplicationManager"

// secretsSet tells the sets that may be granted in a folder alone.
func secretsSet(name string) bool { return strings.HasPrefix(name, "SecretManager") }

// fence tells which secrets of others the function gets at, and whether the hours in
// which it may make keys are those of its runs.
func fence(f *facts) []Line {
	if f.own() == "" {
		return nil
	}
	sure, _ := f.grants()
	return append(f.folder(sure), f.hours(sure)...)
}

// folder wants the sets for secrets to hold in the credentials' folder alone.
func (f *facts) folder(grants []granted) []Line {
	path := f.settings.SecretPath
	if path == "/" {
		return lines(right("every secret of the project's root is the function's to read: ROTATOR_SECRET_PATH is /"))
	}
	var open []string
	mend, fenced := "", false
	for _, g := range grants {
		for _, set := range scaleway.Policy() {
			_, is := g.holds(set.Name)
			if !is || !secretsSet(set.Name) || !g.reachesScope(set, f.project) {
				continue
			}
			_, inFolder := scaleway.FolderOf(g.Condition)
			fenced = fenced || inFolder
			if g.Condition == "" && !slices.Contains(open, g.String()) {
				open = append(open, g.String())
				mend = cmp.Or(mend, f.narrowCommand(g.policy, scaleway.Fence{Folder: path}))
			}
		}
	}
	switch {
	case len(open) > 0:
		return lines(warning(mend, "the function gets at every secret of the project, and needs those in %s alone: %s puts no condition on it", path, strings.Join(open, ", ")))
	case !fenced: // what is missing has lines of its own
		return nil
	}
	return f.tried(path)
}

// hours wants the runs of the crons to be within the hours, if there are any.
func (f *facts) hours(grants []granted) []Line {
	hours := keyHours(grants)
	if hours == nil {
		return nil
	}
	for _, c := range f.crons {
		if manifest.CheckSchedule(c.Schedule) != nil {
			continue
		}
		for _, start := range manifest.Starts(c.Schedule) {
			if at := (time.Time{}).Add(start); !hours.Holds(at) || !hours.Holds(at.Add(f.settings.Budget)) {
				return lines(wrong(fmt.Sprintf("make setup ARGS='--only-at %s', or --no-fence", around(start, f.settings.Budget)),
					"keys can be made and deleted %s, and its cron %q starts a run at %s, which may take %s: such a run rotates nothing", hours.Alone(), c.Schedule, at.Format("15:04"), f.settings.Budget))
			}
		}
	}
	return lines(right("keys can be made and deleted %s, and the cron's runs come within", hours.Alone()))
}

// keyHours are those within which the function may make keys; nil: there are none.
func keyHours(grants []granted) *scaleway.Window {
	var bare []scaleway.Grant
	for _, g := range grants {
		bare = append(bare, g.Grant)
	}
	return scaleway.KeyWindow(bare)
}

// around are whole hours that hold a run.
func around(start, run time.Duration) scaleway.Window {
	from := int(start / time.Hour)
	return scaleway.Window{From: from, To: int((start+run)/time.Hour)%24 + 1}
}
