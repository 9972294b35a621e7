package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/printable"
)

// live is the environment of a run on the real API. What it is about is shown
// before anything is asked of it; who changes things is asked first.
func (c *runCommand) live(p program) ([]string, error) {
	environ, err := liveEnviron(p, c.Profile)
	if err != nil {
		return nil, err
	}
	is := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(strings.TrimPrefix(line, config.Prefix), "=")
		is[name] = value
	}
	what := "changing nothing"
	if !c.DryRun {
		what = "and changes what its report says"
	}
	fmt.Fprintf(p.stderr, "a run on the real API, %s; a new key is verified for a minute\n", what)
	for _, line := range [][2]string{
		{"API", cmp.Or(is["API_URL"], config.DefaultAPIURL)},
		{"organization", is["ORGANIZATION_ID"]},
		{"project", is["PROJECT_ID"]},
		{"regions", cmp.Or(is["REGIONS"], "all")},
		{"secrets in", cmp.Or(is["SECRET_REGION"], config.Defaults()[config.Prefix+"SECRET_REGION"])},
		{"access key", printable.Unkeyed(is["ACCESS_KEY"])}, // people swap the two
	} {
		fmt.Fprintf(p.stderr, "  %-13s %s\n", line[0], cmp.Or(printable.Line(line[1]), "not set"))
	}
	if c.DryRun || c.Yes {
		return environ, nil
	}
	return environ, p.confirmed("Change things there?")
}

// confirmed asks, and wants yes.
func (p program) confirmed(question string) error {
	if file, is := p.stdin.(*os.File); p.stdin == nil || is && !isTerminal(file) {
		return errors.New("nothing was changed: there is no terminal to ask at; --yes says that it is meant")
	}
	fmt.Fprint(p.stderr, question+" Type yes: ")
	said, _ := bufio.NewReader(p.stdin).ReadString('\n') // what there is of it
	if strings.TrimSpace(said) != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// liveEnviron takes the key, organization and project from the user's scw
// profile, and everything else from ROTATOR_ variables. A profile that is named
// goes before the environment, the active one after it.
func liveEnviron(p program, name string) ([]string, error) {
	profile, err := liveProfile(name)
	if err != nil {
		return nil, err
	}
	environ := p.settings()
	for _, f := range []struct {
		name  string
		value *string
	}{
		{"ACCESS_KEY", profile.AccessKey},
		{"SECRET_KEY", profile.SecretKey},
		{"ORGANIZATION_ID", profile.DefaultOrganizationID},
		{"PROJECT_ID", profile.DefaultProjectID},
		{"API_URL", profile.APIURL},
	} {
		set := p.getenv(config.Prefix+f.name) != ""
		if f.value != nil && (name != "" || !set) {
			environ = append(environ, config.Prefix+f.name+"="+*f.value)
		}
	}
	return environ, nil
}

// liveProfile is the named profile as it stands in the file, or the active one
// under SCW_ variables.
func liveProfile(name string) (*scw.Profile, error) {
	file, err := scw.LoadConfig()
	var missing *scw.ConfigFileNotFoundError
	switch {
	case errors.As(err, &missing) && name == "":
		return scw.LoadEnvProfile(), nil
	case err != nil:
		return nil, fmt.Errorf("read the scw configuration: %w", err)
	case name == "":
		active, err := file.GetActiveProfile()
		if err != nil {
			return nil, fmt.Errorf("read the scw profile: %w", err)
		}
		return scw.MergeProfiles(active, scw.LoadEnvProfile()), nil
	}
	profile, err := file.GetProfile(name)
	if err != nil {
		return nil, fmt.Errorf("--profile %s: %w", name, err)
	}
	return profile, nil
}
