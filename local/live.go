package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/local/deploy"
	"github.com/scw-key-rotator/rotator/local/manifest"
	"github.com/scw-key-rotator/rotator/local/setup"
)

// live is the environment of a run on the real API. What it is about is shown
// before anything is asked of it; who changes things is asked first.
func (c *runCommand) live(ctx context.Context, p program) ([]string, error) {
	environ, err := liveEnviron(p, c.Profile, c.Project)
	if err != nil {
		return nil, err
	}
	is := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(strings.TrimPrefix(line, config.Prefix), "=")
		is[name] = value
	}
	if is["ACCESS_KEY"] == "" || is["SECRET_KEY"] == "" {
		return nil, noKey()
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
	if !c.DryRun && !c.Yes {
		if err := p.confirmed(ctx, "Change things there?"); err != nil {
			return nil, err
		}
	}
	cfg, err := config.Read(environ)
	if err != nil {
		return environ, nil //nolint:nilerr // the run says what is wrong with its settings
	}
	who := caller{api: cfg.APIURL, accessKey: cfg.AccessKey, secretKey: cfg.SecretKey.Reveal(), organization: cfg.OrganizationID, project: cfg.ProjectID}
	if err := who.there(ctx); err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	return environ, nil
}

// there refuses a project that there is not, of which all else would say that it is
// empty, and an API that cannot be asked: a run would try for minutes.
func (c caller) there(ctx context.Context) error {
	_, err := setup.Project(ctx, setup.Options{API: c.api, AccessKey: c.accessKey, SecretKey: c.secretKey, Organization: c.organization, ProjectID: c.project})
	if errors.Is(err, setup.ErrNone) {
		return usageError{err}
	}
	return err
}

func noKey() error {
	return misused("no key to look with: want a profile of the scw configuration file (scw init makes one), or SCW_ACCESS_KEY and SCW_SECRET_KEY")
}

// confirmed asks, and wants yes.
func (p program) confirmed(ctx context.Context, question string) error {
	if !p.canAsk() {
		return nobody()
	}
	return p.answered(ctx, question+" Type yes: ", "yes")
}

// nobody is there to answer.
func nobody() error {
	return misused("nothing was changed: there is no terminal to ask at; --yes says that it is meant, --dry-run only looks")
}

// answered asks, and wants this answer. An interruption is another.
func (p program) answered(ctx context.Context, question, want string) error {
	fmt.Fprint(p.stderr, question)
	answer := make(chan string, 1)
	go func() { // who does not answer is not waited for
		said, _ := bufio.NewReader(p.stdin).ReadString('\n') // what there is of it
		answer <- said
	}()
	select {
	case said := <-answer:
		switch strings.TrimSpace(said) {
		case want:
			return nil
		case "":
			if !p.canAsk() {
				fmt.Fprintln(p.stderr)
				return nobody()
			}
		}
	case <-ctx.Done():
		fmt.Fprintln(p.stderr)
	}
	return errors.New("nothing was changed")
}

// canAsk tells whether there is somebody to ask.
func (p program) canAsk() bool {
	file, is := p.stdin.(*os.File)
	return p.stdin != nil && (!is || isTerminal(file))
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a device of that kind, too
	return err != nil || !os.SameFile(info, null)
}

// liveEnviron takes the key, organization and project from the user's scw
// profile, and everything else from ROTATOR_ variables. A profile that is named
// goes before the environment, the active one after it.
func liveEnviron(p program, name, project string) ([]string, error) {
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
	if project != "" {
		environ = append(environ, config.Prefix+"PROJECT_ID="+project)
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
		return envProfile(), nil
	case err != nil:
		return nil, misused("read the scw configuration: %w", err)
	case name == "":
		active, err := file.GetActiveProfile()
		if err != nil {
			return nil, misused("read the scw profile: %w", err)
		}
		return scw.MergeProfiles(active, envProfile()), nil
	}
	profile, err := file.GetProfile(name)
	if err != nil {
		return nil, misused("--profile %s: %w", name, err)
	}
	return profile, nil
}

// envProfile is what SCW_ variables say. An empty one says nothing: pipelines set
// those that they do not have.
func envProfile() *scw.Profile {
	p := scw.LoadEnvProfile()
	for _, value := range []**string{&p.AccessKey, &p.SecretKey, &p.DefaultOrganizationID, &p.DefaultProjectID, &p.APIURL} {
		if *value != nil && **value == "" {
			*value = nil
		}
	}
	return p
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// caller is who asks, and of what.
type caller struct {
	accessKey, secretKey, api string
	organization, project     string
	env                       map[string]string // of this process and .env
	wouldBe                   string            // the project into which make deploy deploys
}

// caller is by the profile, and by .env what that does not say.
func (p program) caller(asked shared) (caller, error) {
	name, project := asked.Profile, asked.Project
	profile, err := liveProfile(name)
	if err != nil {
		return caller{}, err
	}
	env, err := manifest.Environment(".", p.environ())
	if err != nil {
		return caller{}, err
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	c := caller{
		accessKey: text(profile.AccessKey), secretKey: text(profile.SecretKey), api: cmp.Or(text(profile.APIURL), config.DefaultAPIURL),
		organization: cmp.Or(text(profile.DefaultOrganizationID), env["SCW_DEFAULT_ORGANIZATION_ID"]),
		wouldBe:      env["SCW_DEFAULT_PROJECT_ID"], env: env,
	}
	if c.project = cmp.Or(project, text(profile.DefaultProjectID), c.wouldBe); name == "" {
		c.project = cmp.Or(project, c.wouldBe, text(profile.DefaultProjectID))
	}
	switch {
	case c.accessKey == "" || c.secretKey == "":
		return c, noKey()
	case deploy.InClear(c.api):
		return c, misused("the API's address %q: want https: the key would travel in clear", c.api)
	case !uuid.MatchString(c.project):
		return c, misused("%q is no project: want --project with a UUID, a profile that has a default project, or SCW_DEFAULT_PROJECT_ID", c.project)
	case !uuid.MatchString(c.organization):
		return c, misused("%q is no organization: want a profile that has a default organization, or SCW_DEFAULT_ORGANIZATION_ID", c.organization)
	}
	return c, nil
}
