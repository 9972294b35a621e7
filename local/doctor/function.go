package doctor

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	functions "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/duration"
	"github.com/scw-key-rotator/rotator/internal/printable"
)

// reportRoom is what a run needs beyond its budget, as make deploy has it.
const reportRoom = 30 * time.Second

// deployedFunction checks the function against serverless.yml.
func deployedFunction(f *facts) []Line {
	want := f.manifest.Function
	name := f.manifest.Name + "/" + want.Name
	out := f.others()
	switch {
	case f.functionErr != nil:
		return append(out, wrong("see above", "the functions of the project cannot be read, or not all: %s", cause(f.functionErr)))
	case f.function == nil && f.elsewhere != "":
		return append(out, wrong("go run ./local doctor --project "+f.elsewhere+", or "+makeDeploy, "function %s is not in project %s; make deploy would put it into %s", name, f.project, f.elsewhere))
	case f.function == nil:
		return append(out, wrong(makeDeploy, "function %s is not in project %s", name, f.project))
	}
	fn := f.function
	if fn.Status != functions.FunctionStatusReady {
		why := ""
		if fn.ErrorMessage != nil && *fn.ErrorMessage != "" {
			why = ": " + *fn.ErrorMessage
		}
		out = append(out, wrong(makeDeploy, "function %s (%s) is there, and its status is %s, not ready%s", name, fn.Region, fn.Status, why))
	} else {
		out = append(out, right("function %s (%s) is there, and ready since %s", name, fn.Region, day(since(fn))))
	}
	limit := time.Duration(0)
	if d := fn.Timeout.ToTimeDuration(); d != nil {
		limit = *d
	}
	for _, c := range []struct {
		is   bool
		good string
		bad  string
	}{
		{string(fn.Privacy) == want.Privacy, "it is " + want.Privacy, fmt.Sprintf("it is %s, and should be %s: anybody can start a run", fn.Privacy, want.Privacy)},
		{string(fn.HTTPOption) == want.HTTP, "plain HTTP is " + want.HTTP, fmt.Sprintf("plain HTTP is %s, and should be %s: keys travel in clear", fn.HTTPOption, want.HTTP)},
		{fn.MaxScale == want.Max, "at most " + count(int(fn.MaxScale), "instance"), fmt.Sprintf("it has at most %s, and should have %d: runs may overlap", count(int(fn.MaxScale), "instance"), want.Max)},
		{
			limit >= f.settings.Budget+reportRoom, fmt.Sprintf("its timeout of %s leaves a run of %s time to answer", limit, f.settings.Budget),
			fmt.Sprintf("its timeout of %s is too short for ROTATOR_BUDGET (%s) and its report: the platform cuts runs off", limit, f.settings.Budget),
		},
		{fn.MemoryLimit >= want.Memory, fmt.Sprintf("its memory is %d MB", fn.MemoryLimit), fmt.Sprintf("its memory is %d MB, and should be %d: comparing secrets takes that", fn.MemoryLimit, want.Memory)},
		{
			string(fn.Runtime) == f.manifest.Runtime && fn.Handler == want.Handler, fmt.Sprintf("its runtime is %s, and what that calls is %s", fn.Runtime, fn.Handler),
			fmt.Sprintf("its runtime is %s and calls %s; want %s and %s", fn.Runtime, fn.Handler, f.manifest.Runtime, want.Handler),
		},
	} {
		if c.is {
			out = append(out, right("%s", c.good))
		} else {
			out = append(out, wrong(makeDeploy, "%s", c.bad))
		}
	}
	return out
}

// others are functions beside it that look as if they were it.
func (f *facts) others() []Line {
	var out []Line
	for _, fn := range f.strays {
		out = append(out, wrong(fmt.Sprintf("scw function function delete %s region=%s, once you know that it is not wanted", fn.ID, fn.Region),
			"function %s/%s (%s) is there, too, and looks like another rotator: with a cron of its own, it goes on", f.namespace[fn.NamespaceID], fn.Name, fn.Region))
	}
	return out
}

func since(fn *functions.Function) time.Time {
	for _, at := range []*time.Time{fn.ReadyAt, fn.UpdatedAt, fn.CreatedAt} {
		if at != nil {
			return *at
		}
	}
	return time.Time{}
}

// crons wants one, that works, with the schedule of serverless.yml.
func crons(f *facts) []Line {
	if f.function == nil || f.functionErr != nil {
		return nil
	}
	want := ""
	if events := f.manifest.Function.Events; len(events) > 0 {
		want = events[0].Schedule.Rate
	}
	if len(f.crons) == 0 {
		return lines(wrong(makeDeploy, "it has no cron: nothing starts a run"))
	}
	var out []Line
	if n := len(f.crons); n > 1 {
		out = append(out, wrong("make deploy, which leaves one", "it has %d crons, and should have one: runs may overlap", n))
	}
	for _, c := range f.crons {
		switch {
		case c.Status != functions.CronStatusReady && c.Status != functions.CronStatusPending && c.Status != functions.CronStatusCreating:
			out = append(out, wrong(makeDeploy, "its cron %q is not enabled: its status is %s, and nothing starts a run", c.Schedule, c.Status))
		case asksDryRun(c):
			out = append(out, wrong(makeDeploy, "its cron %q asks for dry runs: nothing is ever rotated", c.Schedule))
		case asksSteps(c):
			out = append(out, warning(makeDeploy, "its cron %q asks for some steps only; serverless.yml's asks for all", c.Schedule))
		case want != "" && c.Schedule != want:
			out = append(out, warning("make deploy, or set the schedule in serverless.yml, and ROTATOR_INTERVAL to the longest time between two runs",
				"its cron is %q, and serverless.yml says %q", c.Schedule, want))
		default:
			out = append(out, right("its cron %q (UTC) is enabled, with ROTATOR_INTERVAL %s", c.Schedule, duration.Format(f.settings.Interval)))
		}
	}
	return out
}

// input is what a cron sends.
func input(c *functions.Cron) map[string]any {
	var sent map[string]any
	if c.Args != nil {
		text, err := json.Marshal(c.Args)
		if err == nil {
			_ = json.Unmarshal(text, &sent) // what is no object asks for nothing
		}
	}
	return sent
}

func asksDryRun(c *functions.Cron) bool { return input(c)["dry_run"] == true }

func asksSteps(c *functions.Cron) bool { _, is := input(c)["steps"]; return is }

// settings checks the plain settings by themselves, and against what would be
// deployed from here.
func settings(f *facts) []Line {
	if f.function == nil {
		return nil
	}
	var out []Line
	if f.refused != nil {
		for problem := range strings.SplitSeq(strings.TrimPrefix(f.refused.Error(), "configuration:"), "\n") {
			if problem = strings.TrimSpace(problem); problem != "" {
				out = append(out, wrong(makeDeploy, "the function refuses its settings, and every run with them: %s", problem))
			}
		}
	}
	have, want := f.function.EnvironmentVariables, f.manifest.Function.Env
	if id := have[config.Prefix+"PROJECT_ID"]; id != f.project {
		out = append(out, wrong(makeDeploy, "ROTATOR_PROJECT_ID is not the project that the function is in"))
	}
	same := true
	for _, name := range names(have, want) {
		is, deployed := have[name]
		should, known := want[name]
		switch {
		case secretSetting(name):
			out = append(out, wrong("take it out of the function's plain variables, and give it another: "+newKey, "%s is a plain variable, which everybody reads who may see the function", name))
		case name == config.Prefix+"ACCESS_KEY", name == config.Prefix+"PROJECT_ID", name == config.Prefix+"ORGANIZATION_ID": // looked at by themselves
		case !known:
			out = append(out, warning("make deploy ARGS=--lose, or add it to serverless.yml", "variable %s is set on the function, and serverless.yml has none", name))
			same = false
		case !deployed, is != should:
			same = false
			out = append(out, warning("make deploy, or put what it is into .env", "%s is %s, and a deployment from here would make it %s", name, shown(is, deployed), shown(should, true)))
		}
	}
	if same && len(out) == 0 {
		out = append(out, right("its %d plain settings are as serverless.yml and .env say", len(want)))
	}
	return out
}

func names(have, want map[string]string) []string {
	all := maps.Clone(want)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, have)
	return slices.Sorted(maps.Keys(all))
}

// shown is a value as a line has it. What looks like a key is not shown: people
// swap variables.
func shown(value string, set bool) string {
	switch {
	case !set:
		return "not set"
	case value == "":
		return "empty"
	}
	return printable.Unkeyed(value)
}
