package seeds

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/strict"
)

// Seed is what an organization holds at the start. It names things by their
// names; identifiers that it leaves out, and every secret, are minted when it
// is loaded. Ages and lifetimes are relative to the emulator's clock.
// seeds/README.md shows the JSON form.
//
// Every organization has a default project and an owner with one API key,
// whatever the seed says.
type Seed struct {
	// OrganizationID "" keeps the one that New made. It is the default
	// project's id too, unless Projects has a project named default.
	OrganizationID   string        `json:"organization_id,omitempty"`
	SecuritySettings *Settings     `json:"security_settings,omitempty"`
	Projects         []Project     `json:"projects,omitempty"`
	Users            []User        `json:"users,omitempty"` // besides the owner
	Applications     []Application `json:"applications,omitempty"`
	Groups           []Group       `json:"groups,omitempty"`
	Secrets          []Secret      `json:"secrets,omitempty"`
	Serverless       []Place       `json:"serverless,omitempty"`
}

// Settings are the organization's security settings.
type Settings struct {
	MaxAPIKeyExpiration Age `json:"max_api_key_expiration,omitempty"` // 0: keys may live for ever
}

// Project is a project; others refer to it by Name.
type Project struct {
	Name        string `json:"name"`
	ID          string `json:"id,omitempty"`
	Description string `json:"description,omitempty"`
	Age         Age    `json:"age,omitempty"` // 0: as old as the organization
}

// User is a member of the organization.
type User struct {
	Username string   `json:"username"`
	Email    string   `json:"email,omitempty"` // "": the username at example.com
	Keys     []Key    `json:"keys,omitempty"`
	Policies []Policy `json:"policies,omitempty"`
}

// Application is an IAM application with its keys and the policies that
// name it.
type Application struct {
	Name        string   `json:"name"`
	ID          string   `json:"id,omitempty"`
	Description string   `json:"description,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	Age         Age      `json:"age,omitempty"`     // 0: older than its oldest key
	Managed     bool     `json:"managed,omitempty"` // by Scaleway: neither it nor its keys can be changed
	Keys        []Key    `json:"keys,omitempty"`
	Policies    []Policy `json:"policies,omitempty"`
}

// Key is an API key.
type Key struct {
	AccessKey   string `json:"access_key,omitempty"`
	Description string `json:"description,omitempty"`
	Age         Age    `json:"age,omitempty"`
	ExpiresIn   Age    `json:"expires_in,omitempty"` // 0: never; negative: it has expired
	Project     string `json:"project,omitempty"`    // its default project; "": the organization's
	Managed     bool   `json:"managed,omitempty"`
	Deletable   *bool  `json:"deletable,omitempty"` // nil: yes, unless managed
}

// Group is a group; Applications and Users are names.
type Group struct {
	Name            string   `json:"name"`
	Applications    []string `json:"applications,omitempty"`
	Users           []string `json:"users,omitempty"`
	AllApplications bool     `json:"all_applications,omitempty"`
	AllUsers        bool     `json:"all_users,omitempty"`
	Policies        []Policy `json:"policies,omitempty"`
}

// Policy is a policy of whatever it stands in.
type Policy struct {
	Name  string `json:"name"`
	Rules []Rule `json:"rules"`
}

// Rule grants permission sets on projects, or on the organization.
type Rule struct {
	PermissionSets []string `json:"permission_sets"`
	Projects       []string `json:"projects,omitempty"`
	Organization   bool     `json:"organization,omitempty"`
	Condition      string   `json:"condition,omitempty"`
}

// Secret is a secret of the Secret Manager.
type Secret struct {
	Name        string    `json:"name"`
	Project     string    `json:"project"`
	Region      string    `json:"region,omitempty"` // "": fr-par
	Path        string    `json:"path,omitempty"`   // "": /
	Type        string    `json:"type,omitempty"`   // "": opaque
	Description string    `json:"description,omitempty"`
	Tags        []string  `json:"tags,omitempty"`
	Protected   bool      `json:"protected,omitempty"`
	Age         Age       `json:"age,omitempty"` // 0: as old as its oldest version
	Versions    []Version `json:"versions,omitempty"`
}

// Version is one version, the oldest first.
type Version struct {
	// Data may hold ${access_key:NAME} and ${secret_key:NAME}, the newest key
	// of an application, or of the key that has this access key, so that no
	// seed needs a secret in it. Environments
	// of functions and containers may, too.
	Data        string `json:"data,omitempty"`
	Random      int    `json:"random,omitempty"` // so many random characters instead
	Description string `json:"description,omitempty"`
	Age         Age    `json:"age,omitempty"`
	Changed     Age    `json:"changed,omitempty"` // so long ago; 0: not since it was made
	Disabled    bool   `json:"disabled,omitempty"`
}

// Place is what one project holds in one region.
type Place struct {
	Project string `json:"project"`
	Region  string `json:"region,omitempty"` // "": fr-par
	Serverless
}

// Age is a duration with days: "400d", "1d12h", "-20d", "90s".
type Age time.Duration

// UnmarshalText reads days and what time.ParseDuration does.
func (a *Age) UnmarshalText(text []byte) error {
	rest, sign := string(text), time.Duration(1)
	if after, negative := strings.CutPrefix(rest, "-"); negative {
		rest, sign = after, -1
	}
	total := time.Duration(0)
	if days, after, found := strings.Cut(rest, "d"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 400d or 36h", text)
		}
		total, rest = time.Duration(n)*24*time.Hour, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is not a duration such as 400d or 36h", text)
		}
		total += d
	}
	if total < 0 {
		return fmt.Errorf("%q is longer than 292 years", text)
	}
	*a = Age(sign * total)
	return nil
}

// String is what UnmarshalText reads: "400d", "1d12h", "50ms".
func (a Age) String() string {
	const day = Age(24 * time.Hour)
	if a < 0 {
		return "-" + (-a).String()
	}
	text := ""
	if a >= day {
		text = strconv.Itoa(int(a/day)) + "d"
	}
	rest := time.Duration(a % day).String()
	switch {
	case rest == "0s" && text != "":
		return text
	case strings.HasSuffix(rest, "h0m0s"):
		rest = strings.TrimSuffix(rest, "0m0s")
	case strings.HasSuffix(rest, "m0s"):
		rest = strings.TrimSuffix(rest, "0s")
	}
	return text + rest
}

// MarshalText writes what UnmarshalText reads.
func (a Age) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Parse reads a seed from JSON. Its error has a line for everything that
// is wrong: the path to the field, and what would be right there.
func Parse(text []byte) (Seed, error) {
	var s Seed
	if err := strict.Read(text, &s); err != nil {
		return Seed{}, err
	}
	return s, nil
}

//go:embed demo.json
var demoJSON []byte

//go:embed empty.json
var emptyJSON []byte

// Demo returns the seed of the demonstration: a project with everything that
// the rotator can meet, and a second one that it must leave alone.
func Demo() Seed { return mustParse(demoJSON) }

// Empty returns the seed of an organization that nobody has used yet.
func Empty() Seed { return mustParse(emptyJSON) }

func mustParse(text []byte) Seed {
	s, err := Parse(text)
	if err != nil {
		panic(err) // both are compiled in, and tests parse them
	}
	return s
}

// RotatorRules is what the rotator's own application needs, on one project and
// on the organization.
func RotatorRules(project string) []Rule {
	return []Rule{
		{PermissionSets: []string{"IAMReadOnly", "IAMApplicationManager"}, Organization: true},
		{PermissionSets: []string{"FunctionsFullAccess", "ContainersFullAccess", "SecretManagerFullAccess"}, Projects: []string{project}},
	}
}

// CallerRules is what an application needs to call private functions and
// containers of projects.
func CallerRules(projects ...string) []Rule {
	return []Rule{{PermissionSets: []string{"FunctionsPrivateAccess", "ContainersPrivateAccess"}, Projects: projects}}
}
