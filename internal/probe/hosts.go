package probe

import (
	"regexp"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// label is one part of a hostname.
const label = `[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?`

var (
	// defaultHost is where the platform serves functions and containers: the
	// region is compared apart (docs/scaleway.md, Functions).
	defaultHost = regexp.MustCompile(`^` + label + `\.(?:functions|containers)\.[a-z]{3}\.([a-z]{2}-[a-z]{3})\.scw\.cloud$`)
	customHost  = regexp.MustCompile(`^(?:` + label + `\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$`)
)

// notForKeys are domains that no custom domain is in: Scaleway's own, where a
// key would be sent to the API or to somebody else's function, and those that
// mean something nearby.
var notForKeys = []string{ //nolint:gochecknoglobals // a table, never changed
	"scaleway.com", "scaleway.net", "scw.cloud", "scw.eu", "localhost", "local", "internal", "lan", "arpa", "onion",
}

// doubtful tells why a host that the API names is not one that a key may go to,
// or "". The API is believed about much, but not that a key belongs on a
// metadata service.
func doubtful(host string, r scaleway.Resource, custom bool) string {
	switch m := defaultHost.FindStringSubmatch(host); {
	case host == "":
		return "the API names no address for it"
	case custom && (len(host) > 253 || !customHost.MatchString(host)):
		return "its custom domain is not a hostname"
	case custom && reserved(host):
		return "its custom domain is in a domain that is nobody's to use"
	case !custom && (m == nil || m[1] != r.Region):
		return "its address is not one of " + string(r.Product) + " in " + r.Region
	}
	return ""
}

func reserved(host string) bool {
	for _, domain := range notForKeys {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}
