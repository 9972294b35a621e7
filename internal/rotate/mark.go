package rotate

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// The rotator marks what it makes, since there is no state but the API's own: a
// key by the end of its description, a secret's version by the whole of it.
var (
	keyMark     = regexp.MustCompile(`\s*\[rotator ([0-9a-f-]{36})\]$`)
	versionMark = regexp.MustCompile(`^rotator: key (SCW[A-Z0-9]{17})(; held)?(; rolled back)?(?:; carried by ([1-9][0-9]{0,8}))?(?:; carried until (\S+))?$`)
)

// descriptionMax is the API's limit (docs/scaleway.md, API keys).
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

// Marked is a description of a key that the rotator of a project makes.
func Marked(description, project string) string { return markKey(description, project) }

// keyProject returns the project whose rotator made the key, or "".
func keyProject(description string) string {
	if m := keyMark.FindStringSubmatch(description); m != nil {
		return m[1]
	}
	return ""
}

// Minted tells whether a rotator made the key, of whatever project.
func Minted(k scaleway.APIKey) bool { return keyProject(k.Description) != "" }

// MintedBy tells whether the rotator of a project made the key.
func MintedBy(k scaleway.APIKey, project string) bool { return keyProject(k.Description) == project }

// VersionMark is what the rotator writes into a version's description, the only
// place where it can note something of a key that is published. A version stands in
// one of three states, by what a person asked for:
//
//   - plain: nothing was asked; the newest enabled one is published, and replaced when
//     it is due;
//   - pinned ("held" in the text): a person went back to its key, which is published and
//     not replaced until that is forced;
//   - bad ("rolled back"): a person went back from its key, which is never published
//     again.
//
// Beside its state it has who carried its key: how many, and until when.
type VersionMark struct {
	AccessKey string // that the version holds
	Pinned    bool
	Bad       bool
	// Carriers is how many consumers were last seen to carry the key, or were
	// sent it. 0: none was.
	Carriers int
	// CarriedUntil is when the last consumer known to carry the key has left it
	// at the latest. Zero: none was.
	CarriedUntil time.Time
}

// String is the whole description.
func (m VersionMark) String() string {
	text := "rotator: key " + m.AccessKey
	if m.Pinned {
		text += "; held"
	}
	if m.Bad {
		text += "; rolled back"
	}
	if m.Carriers > 0 {
		text += "; carried by " + strconv.Itoa(m.Carriers)
	}
	if !m.CarriedUntil.IsZero() {
		text += "; carried until " + m.CarriedUntil.UTC().Format(time.RFC3339)
	}
	return text
}

// ReadMark returns what a version's description says; one that the rotator did
// not write says nothing.
func ReadMark(description string) VersionMark {
	found := versionMark.FindStringSubmatch(description)
	if found == nil {
		return VersionMark{}
	}
	m := VersionMark{AccessKey: found[1], Pinned: found[2] != "", Bad: found[3] != ""}
	m.Carriers, _ = strconv.Atoi(found[4])
	if found[5] != "" {
		m.CarriedUntil, _ = time.Parse(time.RFC3339, found[5])
	}
	if m.String() != description { // a time that is none, say
		return VersionMark{}
	}
	return m
}

// VersionKey returns the access key that a version's description names, or ""
// if the rotator did not write it.
func VersionKey(description string) string { return ReadMark(description).AccessKey }
