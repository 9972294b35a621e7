package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/duration"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/tell"
)

const year = 365 * 24 * time.Hour

var (
	uuid         = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	accessKey    = regexp.MustCompile(`^SCW[A-Z0-9]{17}$`)
	folder       = regexp.MustCompile(`^/$|^(/[A-Za-z0-9._-]+)+$`)
	resourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	urlPath      = regexp.MustCompile(`^/[A-Za-z0-9._~/%-]*$`)
)

// checker collects problems. Each of its methods checks one kind of value and
// returns it, or zero once it has noted the problem.
type checker struct{ problems []string }

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// refuse notes that a setting's value is not what is wanted.
func (c *checker) refuse(name, value, want string) {
	if value == "" {
		c.problem("%s%s: is not set; want %s", Prefix, name, want)
		return
	}
	c.problem("%s%s: %q is not right; want %s", Prefix, name, value, want)
}

// accessKey shows no value that may be the secret key, put in the wrong place.
func (c *checker) accessKey(name, value string) string {
	const want = "the access key that the function runs on: SCW and 17 capital letters or digits"
	switch {
	case accessKey.MatchString(value):
		return value
	case value == "" || strings.HasPrefix(value, "SCW"):
		c.refuse(name, value, want)
	default:
		c.hide(name, want)
	}
	return ""
}

// hide is refuse for a value that is, or may be, a secret: it shows nothing of
// it.
func (c *checker) hide(name, want string) {
	c.problem("%s%s: the value (not shown) is not right; want %s", Prefix, name, want)
}

// secretKey never shows the value, nor anything about it.
func (c *checker) secretKey(name, value string) redact.Secret {
	const want = "the secret key that belongs to ROTATOR_ACCESS_KEY, a UUID"
	switch {
	case value == "":
		c.refuse(name, "", want)
	case !uuid.MatchString(value):
		c.hide(name, want)
	default:
		return redact.New(value)
	}
	return redact.Secret{}
}

// controlSecretMin is how long the control secret is at the least, in
// characters.
const controlSecretMin = 32

// controlSecret never shows the value. The function's own key is not taken for
// it: it would travel with requests.
func (c *checker) controlSecret(name, value, ownKey string) redact.Secret {
	if value == "" {
		return redact.Secret{}
	}
	printable := !strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' })
	if len(value) < controlSecretMin || !printable || value == ownKey {
		c.hide(name, fmt.Sprintf("at least %d letters, digits or signs, and no key: make one with openssl rand -hex 32", controlSecretMin))
		return redact.Secret{}
	}
	return redact.New(value)
}

func (c *checker) id(name, value string) string {
	if !uuid.MatchString(value) {
		c.refuse(name, value, "a UUID in lower case")
		return ""
	}
	return value
}

// off is a setting of where to tell that names nothing: an empty one would be
// deployed as it is.
const off = "off"

// targets shows no value: each is a URL to which whoever has it can write.
func (c *checker) targets(name, value string) []tell.Target {
	if value == off {
		return nil
	}
	targets, err := tell.Targets(value)
	if err != nil {
		c.problem("%s%s: %s", Prefix, name, err)
	}
	return targets
}

func (c *checker) heartbeat(name, value string) tell.Heartbeat {
	if value == off {
		return tell.Heartbeat{}
	}
	heartbeat, err := tell.HeartbeatAt(value)
	if err != nil {
		c.problem("%s%s: the value (not shown) is not right; %s", Prefix, name, err)
	}
	return heartbeat
}

// optionalID is id for a setting that may be empty.
func (c *checker) optionalID(name, value string) string {
	if value == "" {
		return ""
	}
	return c.id(name, value)
}

func (c *checker) ids(name, value string) []string {
	var ids []string
	for _, item := range c.list(name, value, "application IDs") {
		switch {
		case !uuid.MatchString(item):
			c.refuse(name, item, "application IDs (UUIDs in lower case), separated by commas")
		case slices.Contains(ids, item):
			c.problem("%s%s: %q is listed twice; list it once", Prefix, name, item)
		default:
			ids = append(ids, item)
		}
	}
	return ids
}

// words reads a list of names, each of that form.
func (c *checker) words(name, value string, form *regexp.Regexp, want string) []string {
	var words []string
	for _, item := range c.list(name, value, want) {
		switch {
		case !form.MatchString(item):
			c.refuse(name, item, want+", separated by commas")
		case slices.Contains(words, item):
			c.problem("%s%s: %q is listed twice; list it once", Prefix, name, item)
		default:
			words = append(words, item)
		}
	}
	return words
}

func (c *checker) regions(name, value string) []string {
	var regions []string
	for _, item := range c.list(name, value, "regions") {
		if region := c.region(name, item); region != "" && !slices.Contains(regions, region) {
			regions = append(regions, region)
		}
	}
	return regions
}

func (c *checker) region(name, value string) string {
	if !slices.Contains(scw.AllRegions, scw.Region(value)) {
		known := make([]string, 0, len(scw.AllRegions))
		for _, r := range scw.AllRegions {
			known = append(known, r.String())
		}
		c.refuse(name, value, "one of "+strings.Join(known, ", "))
		return ""
	}
	return value
}

func (c *checker) duration(name, value string, least, most time.Duration) time.Duration {
	d, ok := duration.Parse(value)
	if !ok {
		c.refuse(name, value, "a duration such as 30d, 12h or 90s")
		return 0
	}
	if d < least || d > most {
		c.problem("%s%s: %s is out of range; want %s to %s", Prefix, name, value, duration.Format(least), duration.Format(most))
		return 0
	}
	return d
}

func (c *checker) number(name, value string, least, most int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		c.refuse(name, value, fmt.Sprintf("a whole number from %d to %d", least, most))
		return 0
	}
	return n
}

func (c *checker) oneOf(name, value string, allowed ...string) string {
	if !slices.Contains(allowed, value) {
		c.refuse(name, value, "one of "+strings.Join(allowed, ", "))
		return ""
	}
	return value
}

func (c *checker) folder(name, value string) string {
	if !folder.MatchString(value) {
		c.refuse(name, value, "a path such as /rotator, without a slash at its end")
		return ""
	}
	return value
}

func (c *checker) path(name, value string) string {
	if _, err := url.PathUnescape(value); err != nil || !urlPath.MatchString(value) {
		c.refuse(name, value, "a path such as /favicon.ico, without a query")
		return ""
	}
	return value
}

// url refuses plain HTTP to anywhere but this machine: the function's own key
// goes with every call.
func (c *checker) url(name, value string) string {
	u, err := url.Parse(value)
	switch {
	case strings.Contains(value, "@"): // a password may stand before it
		c.hide(name, "a URL such as https://api.scaleway.com, without a user or password")
		return ""
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") ||
		u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		c.refuse(name, value, "a URL such as https://api.scaleway.com, without a path")
		return ""
	case u.Scheme == "http" && !loopback(u.Hostname()):
		c.refuse(name, value, "https: the function's key would travel in clear")
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func (c *checker) level(name, value string) slog.Level {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, known := levels[value]
	if !known {
		c.refuse(name, value, "one of debug, info, warn, error")
	}
	return level
}

// list refuses a value of commas and spaces alone: an empty list would mean
// all.
func (c *checker) list(name, value, what string) []string {
	items := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
	if value != "" && len(items) == 0 {
		c.refuse(name, value, what+", separated by commas, or nothing")
	}
	return items
}
