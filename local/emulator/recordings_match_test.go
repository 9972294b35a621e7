package emulator_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// matcher compares answers with recorded ones. What a server makes up (ids,
// keys, times, hashes, parts of host names) differs in value and is bound
// instead: a recorded value stands for one value of the emulator from its
// first appearance on, and no two stand for the same.
type matcher struct {
	bound    map[string]string // recorded to emulated
	back     map[string]string
	ownerKey string // the recordings' lists were cut to what their story made
}

func newMatcher(ownerKey string) *matcher {
	return &matcher{bound: map[string]string{}, back: map[string]string{}, ownerKey: ownerKey}
}

// bindTo binds without asking whether something else is bound to have: the
// organization and its default project are.
func (m *matcher) bindTo(recorded, have string) { m.bound[recorded] = have }

func (m *matcher) clone() *matcher {
	return &matcher{bound: maps.Clone(m.bound), back: maps.Clone(m.back), ownerKey: m.ownerKey}
}

// bind tells whether recorded may stand for have.
func (m *matcher) bind(recorded, have string) bool {
	known, ok := m.bound[recorded]
	if ok {
		return known == have
	}
	if _, taken := m.back[have]; taken {
		return false
	}
	m.bound[recorded], m.back[have] = have, recorded
	return true
}

// translate puts the emulator's values where recorded ones stand in text.
func (m *matcher) translate(text string) string {
	recorded := slices.Collect(maps.Keys(m.bound))
	slices.SortFunc(recorded, func(a, b string) int { return len(b) - len(a) }) // none inside another first
	pairs := make([]string, 0, 2*len(recorded))
	for _, r := range recorded {
		pairs = append(pairs, r, m.bound[r])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// compare returns in what got differs; what it bound stays bound only if
// nothing does.
func (m *matcher) compare(want exchange, got answer) []string {
	c := &comparison{matcher: m.clone(), path: want.Path, sent: string(want.RequestBody)}
	if got.status != want.Status {
		c.differ("", "status %d, recorded %d: %.300s", got.status, want.Status, got.body)
		return c.problems
	}
	if got.contentType != "application/json" {
		c.differ("", "Content-Type %q", got.contentType)
	}
	if string(want.ResponseBody) == "null" {
		if len(got.body) > 0 {
			c.differ("", "body %.200s, recorded none", got.body)
		}
	} else {
		var w, g any
		if err := json.Unmarshal(want.ResponseBody, &w); err != nil {
			c.differ("", "recording: %v", err)
		}
		if err := json.Unmarshal(got.body, &g); err != nil {
			c.differ("", "body: %v", err)
		}
		c.values("", w, g)
	}
	if len(c.problems) == 0 {
		m.bound, m.back = c.bound, c.back
	}
	return c.problems
}

type comparison struct {
	*matcher
	path     string
	sent     string
	problems []string
}

func (c *comparison) differ(at, format string, args ...any) {
	c.problems = append(c.problems, strings.TrimPrefix(at+": ", ": ")+fmt.Sprintf(format, args...))
}

func (c *comparison) values(at string, want, have any) {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			c.differ(at, "%v, recorded an object", have)
			return
		}
		c.objects(at, w, h)
	case []any:
		h, ok := have.([]any)
		if !ok {
			c.differ(at, "%v, recorded a list", have)
			return
		}
		if len(h) != len(w) {
			c.differ(at, "%d elements, recorded %d", len(h), len(w))
			return
		}
		for i := range w {
			c.values(fmt.Sprintf("%s[%d]", at, i), w[i], h[i])
		}
	case string:
		h, ok := have.(string)
		if !ok {
			c.differ(at, "%v, recorded %q", have, w)
			return
		}
		if problem := c.text(at, w, h); problem != "" {
			c.differ(at, "%q, recorded %q: %s", h, w, problem)
		}
	default:
		if want != have {
			c.differ(at, "%v, recorded %v", have, want)
		}
	}
}

// later are fields of the API that came after some recordings were made, or
// that the SDK knows and no recording has (docs/scaleway.md, Containers).
var later = map[string][]string{
	"/containers/v1/": {"private_endpoint", "default_public_endpoint_enabled"},
}

// deletionMoves is since when DELETE of a secret moves its updated_at: the two
// stories of early June show it where it was, the ten of July moved.
const deletionMoves = "2026-07"

func (c *comparison) objects(at string, want, have map[string]any) {
	c.leaveOwn(have)
	deleted, _ := want["deletion_requested_at"].(string)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		value, ok := have[key]
		if !ok {
			c.differ(at+"."+key, "is missing")
			continue
		}
		if key == "updated_at" && want["version_count"] != nil && deleted != "" && deleted < deletionMoves {
			continue
		}
		c.values(at+"."+key, want[key], value)
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[key]; !ok && !c.isLater(key) {
			c.differ(at+"."+key, "is %v, not recorded", have[key])
		}
	}
}

func (c *comparison) isLater(key string) bool {
	for prefix, keys := range later {
		if strings.HasPrefix(c.path, prefix) && slices.Contains(keys, key) {
			return true
		}
	}
	return false
}

// leaveOwn takes the owner's key out of a list, as the recordings' lists were
// cut.
func (c *comparison) leaveOwn(have map[string]any) {
	keys, ok := have["api_keys"].([]any)
	if !ok {
		return
	}
	kept := slices.DeleteFunc(keys, func(k any) bool {
		key, ok := k.(map[string]any)
		return ok && key["access_key"] == c.ownerKey
	})
	if total, ok := have["total_count"].(float64); ok {
		have["total_count"] = total - float64(len(keys)-len(kept))
	}
	have["api_keys"] = kept
}

var (
	uuids     = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	keyForm   = regexp.MustCompile(`^SCW[A-Z0-9]{17}$`)
	stampForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)
	argonForm = regexp.MustCompile(`^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	jwtForm   = regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]+$`)
	// In hosts, what follows a namespace's name is made up: eight characters.
	hostForm     = regexp.MustCompile(`^((?:https://)?[a-z0-9]*)([a-z0-9]{8})(-[^/]*\.functions\.fnc\..*)$`)
	registryForm = regexp.MustCompile(`^(rg\.[a-z-]+\.scw\.cloud/[a-z0-9]*)([a-z0-9]{8})()$`)
)

// text compares two strings and returns what is wrong.
func (c *comparison) text(at, want, have string) string {
	key := at[strings.LastIndex(at, ".")+1:]
	switch {
	case want == "":
		return unless(have == "", "must be empty")
	case uuids.MatchString(want):
		return unless(uuids.MatchString(have) && c.bind(want, have), "is not the same id")
	case keyForm.MatchString(want):
		return unless(keyForm.MatchString(have) && c.bind(want, have), "is not the same key")
	case stampForm.MatchString(want):
		return c.time(at, want, have)
	case strings.HasPrefix(want, "$argon2id$"):
		same := argonForm.MatchString(have) && parameters(want) == parameters(have)
		return unless(same && c.bind(want, have), "is not the same hash")
	case key == "token" && want != "<hidden>":
		return unless(jwtForm.MatchString(have), "is not a JWT")
	case key == "public_key":
		return unless(strings.HasPrefix(have, "-----BEGIN RSA PUBLIC KEY-----\n"), "is not a public key")
	case key == "creation_ip":
		_, err := netip.ParseAddr(have)
		return unless(err == nil, "is not an address")
	}
	for _, form := range []*regexp.Regexp{hostForm, registryForm} {
		if w := form.FindStringSubmatch(want); w != nil {
			return c.host(w, form.FindStringSubmatch(have))
		}
	}
	return unless(have == c.translate(want), "differs")
}

// host compares two hosts, taken apart. In containers v1 the eight characters
// are the first of the namespace's id.
func (c *comparison) host(want, have []string) string {
	if have == nil || have[1] != want[1] || have[3] != c.translate(want[3]) {
		return "is not the same host"
	}
	for recorded, id := range c.bound {
		if uuids.MatchString(recorded) && strings.HasPrefix(recorded, want[2]) {
			return unless(strings.HasPrefix(id, have[2]), "does not begin as the namespace's id")
		}
	}
	return unless(c.bind(want[2], have[2]), "is not the same slug")
}

// hashMemory is what hashes take in a replay: in KiB, the least in which as many
// threads run as were recorded. That the emulator takes 64 MiB where nothing else is
// said, TestHashesTakeTheMemoryThatTheyAreGiven shows.
const hashMemory = 512

// parameters are those of a hash, but for the memory, which is hashMemory instead of
// the recorded one.
func parameters(hash string) string {
	return strings.Replace(strings.Join(strings.Split(hash, "$")[:4], "$"), "$m=65536,", fmt.Sprintf("$m=%d,", hashMemory), 1)
}

// time compares two times: those that the story sent are absolute, all others
// must have as many digits and be the same where the recorded ones are.
func (c *comparison) time(at, want, have string) string {
	if !stampForm.MatchString(have) {
		return "is not a time"
	}
	if strings.HasSuffix(at, ".expires_at") && !strings.Contains(at, "ephemeral") {
		return unless(want == have, "differs")
	}
	if len(want) != len(have) {
		return "has not as many digits"
	}
	if strings.HasSuffix(at, ".ready_at") {
		// Taken some milliseconds before updated_at, here at the same time.
		want, have = "ready "+want, "ready "+have
	}
	return unless(c.bind(want, have), "is not the same time: it moved, or did not")
}

func unless(ok bool, problem string) string {
	if ok {
		return ""
	}
	return problem
}
