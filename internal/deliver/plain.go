package deliver

import (
	"slices"
	"strings"

	"github.com/scaleway/scaleway-sdk-go/validation"

	"github.com/scw-key-rotator/rotator/internal/redact"
)

// plain looks at one environment's plain variables, which the API shows as they
// are.
func (s Search) plain(found *Found, i int, all []candidate) {
	e := s.Environments[i]
	for _, name := range sortedNames(e.Plain) {
		if s.Ours != nil && s.Ours(e, name) {
			continue
		}
		use, is := plainUse(name, e.Plain[name], all)
		switch {
		case is:
			found.Uses[i] = append(found.Uses[i], use)
		case validation.IsUUID(e.Plain[name]) && !s.IDs[strings.ToLower(e.Plain[name])]: // as secret keys are
			found.Strangers[i] = append(found.Strangers[i], name)
		}
	}
}

// standsIn tells whether a text holds an access key that is not part of a longer
// word.
func standsIn(text, access string) bool {
	word := func(s string, at int) bool {
		return at >= 0 && at < len(s) && strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", s[at]) >= 0
	}
	for from := 0; ; {
		i := strings.Index(text[from:], access)
		if i < 0 {
			return false
		}
		if at := from + i; !word(text, at-1) && !word(text, at+len(access)) {
			return true
		}
		from += i + 1
	}
}

// plainUse finds what a plain value holds of a key, the whole of it first.
func plainUse(name, value string, candidates []candidate) (Use, bool) {
	if value == "" {
		return Use{}, false
	}
	for _, within := range []bool{false, true} {
		for _, c := range candidates {
			access := c.key.AccessKey
			switch {
			case access == "":
			case !within && value == access:
				return Use{Variable: name, Credential: c.credential, AccessKey: access, holds: accessKey}, true
			case !within && slices.ContainsFunc(forms, func(f form) bool { return f.text(c.key).Equal(redact.New(value)) }),
				within && !c.key.Secret.Empty() && strings.Contains(value, c.key.Secret.Reveal()):
				return Use{Variable: name, Credential: c.credential, AccessKey: access, holds: openSecret}, true
			case within && standsIn(value, access):
				return Use{Variable: name, Credential: c.credential, AccessKey: access, holds: withinText}, true
			}
		}
	}
	return Use{}, false
}
