package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/config"
)

// A setting is documented once (the table in docs/settings.md) and deployed from
// serverless.yml: names and defaults there are those of the code.

func TestReadmeTableHasTheSettingsAndTheirDefaults(t *testing.T) {
	t.Parallel()
	names, defaults := readme(t)
	if diff := cmp.Diff(config.Names(), names); diff != "" {
		t.Errorf("names in the table in docs/settings.md, in order (-code +docs/settings.md):\n%s", diff)
	}
	if diff := cmp.Diff(config.Defaults(), defaults); diff != "" {
		t.Errorf("defaults in the table in docs/settings.md (-code +docs/settings.md):\n%s", diff)
	}
}

// readme reads the table between the lines <!-- settings --> and
// <!-- /settings -->: a row a setting, its first column `ROTATOR_X`, its second
// `the default`. A second column without backquotes is no default.
func readme(t *testing.T) (names []string, defaults map[string]string) {
	t.Helper()
	text := read(t, "docs/settings.md")
	_, rest, begun := strings.Cut(text, "<!-- settings -->\n")
	table, _, ended := strings.Cut(rest, "<!-- /settings -->")
	if !begun || !ended {
		t.Fatal("docs/settings.md has no table of settings between the lines <!-- settings --> and <!-- /settings -->")
	}
	code := regexp.MustCompile("^`([^`]+)`$")
	defaults = map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		name := code.FindStringSubmatch(strings.TrimSpace(cells[0]))
		if name == nil {
			continue // the head, or the line under it
		}
		if len(cells) < 2 {
			t.Fatalf("docs/settings.md: no default in the row %q", line)
		}
		value := ""
		if m := code.FindStringSubmatch(strings.TrimSpace(cells[1])); m != nil {
			value = m[1]
		}
		names = append(names, name[1])
		defaults[name[1]] = value
	}
	if len(names) == 0 {
		t.Fatal("docs/settings.md: the table of settings has no row that starts with a name in backquotes")
	}
	return names, defaults
}

func TestServerlessYMLHasTheSettingsAndTheirDefaults(t *testing.T) {
	t.Parallel()
	var file struct {
		Functions map[string]struct {
			Env    map[string]string `yaml:"env"`
			Secret map[string]string `yaml:"secret"`
		} `yaml:"functions"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "serverless.yml")), &file); err != nil {
		t.Fatal(err)
	}
	function := file.Functions["rotator"]
	if len(function.Env) == 0 {
		t.Fatal("serverless.yml has no functions.rotator.env")
	}
	secret := []string{"ROTATOR_CONTROL_SECRET", "ROTATOR_HEARTBEAT", "ROTATOR_NOTIFY", "ROTATOR_SECRET_KEY"} // no other
	if diff := cmp.Diff(secret, slices.Sorted(maps.Keys(function.Secret))); diff != "" {
		t.Errorf("names of functions.rotator.secret (-want +serverless.yml):\n%s", diff)
	}
	deployed := maps.Clone(function.Env)
	maps.Copy(deployed, function.Secret)
	if diff := cmp.Diff(slices.Sorted(slices.Values(config.Names())), slices.Sorted(maps.Keys(deployed))); diff != "" {
		t.Errorf("names in serverless.yml (-code +serverless.yml):\n%s", diff)
	}
	// "${env:ROTATOR_GRACE, '7d'}": the variable itself, at last a default.
	defaults := map[string]string{}
	fallback := regexp.MustCompile(`, '([^']*)'}$`)
	for name, value := range deployed {
		if !strings.HasPrefix(value, "${env:"+name+",") && value != "${env:"+name+"}" {
			t.Errorf("serverless.yml: %s is %q: want it from the environment's variable of the same name first", name, value)
		}
		defaults[name] = ""
		if m := fallback.FindStringSubmatch(value); m != nil {
			defaults[name] = m[1]
		}
	}
	if diff := cmp.Diff(config.Defaults(), defaults); diff != "" {
		t.Errorf("defaults in serverless.yml (-code +serverless.yml):\n%s", diff)
	}
}

// read reads a file of the module's root.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatalf("no %s to compare the settings with: %v", name, err)
	}
	return string(text)
}

// The default interval is that of the cron which is deployed.
func TestIntervalIsThatOfTheCron(t *testing.T) {
	t.Parallel()
	var file struct {
		Functions map[string]struct {
			Events []struct {
				Schedule struct {
					Rate string `yaml:"rate"`
				} `yaml:"schedule"`
			} `yaml:"events"`
		} `yaml:"functions"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "serverless.yml")), &file); err != nil {
		t.Fatal(err)
	}
	events := file.Functions["rotator"].Events
	if len(events) != 1 {
		t.Fatalf("serverless.yml has %d events, want one cron", len(events))
	}
	interval := config.Defaults()["ROTATOR_INTERVAL"]
	daily := regexp.MustCompile(`^\d+ \d+ \* \* \*$`)
	if rate := events[0].Schedule.Rate; !daily.MatchString(rate) || interval != "24h" {
		t.Errorf("the cron is %q, and ROTATOR_INTERVAL %s by default: want once a day and 24h, or this test to know the other", rate, interval)
	}
}
