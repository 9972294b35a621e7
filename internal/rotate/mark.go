package rotate

import (
	"regexp"
	"strings"
)

// The rotator marks what it makes, since there is no state but the API's own: a
// key by the end of its description, a secret's version by the whole of it.
var (
	keyMark     = regexp.MustCompile(`\s*\[rotator ([0-9a-f-]{36})\]$`)
	versionMark = regexp.MustCompile(`^rotator: key (SCW[A-Z0-9]{17})$`)
)

// descriptionMax is the API's limit (FACTS section 3).
const descriptionMax = 200

// markKey appends the mark of project to a key's description, in place of one
// that it has, and cuts the description where both would not fit.
func markKey(description, project string) string {
	plain := keyMark.ReplaceAllString(description, "")
	mark := "[rotator " + project + "]"
	plain = plain[:min(len(plain), descriptionMax-len(mark)-1)]
	plain = strings.TrimSpace(strings.ToValidUTF8(plain, "")) // the cut may go through a character
	return strings.TrimSpace(plain + " " + mark)
}

// keyProject returns the project whose rotator made the key, or "".
func keyProject(description string) string {
	if m := keyMark.FindStringSubmatch(description); m != nil {
		return m[1]
	}
	return ""
}

// versionDescription marks a version with the key that it holds.
func versionDescription(accessKey string) string { return "rotator: key " + accessKey }

// VersionKey returns the access key that a version's description names, or ""
// if the rotator did not write it.
func VersionKey(description string) string {
	if m := versionMark.FindStringSubmatch(description); m != nil {
		return m[1]
	}
	return ""
}
