package scaleway

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// The permission sets that the function's application needs, each by the call
// that needs it. README's policy is Policy below; a call that is refused names
// its set.
const (
	needIAMRead     = "IAMReadOnly"
	needKeys        = "IAMApplicationManager"
	needFunctions   = "FunctionsFullAccess"
	needContainers  = "ContainersFullAccess"
	needSecretRead  = "SecretManagerReadOnly"
	needSecretValue = "SecretManagerSecretAccess"
	needSecretNew   = "SecretManagerSecretCreate"
	needSecretWrite = "SecretManagerSecretWrite"
	needSecretDrop  = "SecretManagerSecretDelete"
	needMail        = "TransactionalEmailEmailApiCreate"
)

// PermissionSet is one line of the policy that the function's application
// needs.
type PermissionSet struct {
	Name         string
	Organization bool // granted on the organization, else on the function's project
	Why          string
}

// Optional lists what it needs besides where it is set to do more.
func Optional() []PermissionSet {
	return []PermissionSet{{needMail, false, "tell by e-mail how a run ended, where ROTATOR_NOTIFY has tem:"}}
}

// Policy lists the permission sets of the function's own application, the least
// that the whole job needs.
func Policy() []PermissionSet {
	return []PermissionSet{
		{needIAMRead, true, "find applications, users, policies, groups and API keys, and the organization's cap on key lifetimes"},
		{needKeys, true, "create and delete applications' API keys"},
		{needFunctions, false, "list functions, their domains and environments; give a new key to an environment that carries an old one; list and delete legacy tokens"},
		{needContainers, false, "list containers, their domains and environments; give a new key to an environment that carries an old one; list and delete legacy tokens"},
		{needSecretRead, false, "find the credentials' secrets and their versions"},
		{needSecretValue, false, "read a credential back, and check endpoints with it"},
		{needSecretNew, false, "create a credential's secret, publish a new key in it"},
		{needSecretWrite, false, "disable the version of a key that is retired; note what consumers still carry, or that a person went back from a key"},
		{needSecretDrop, false, "delete the version of a key that is retired"},
	}
}

// Fence narrows Policy by conditions, where Scaleway can (docs/scaleway.md, Policies
// and rules). The zero value narrows nothing.
type Fence struct {
	Folder string  // of Secret Manager: the sets for secrets hold in it alone; "" and "/": everywhere
	Window *Window // the set for keys holds within it alone; nil: always
}

// Condition is that on which a permission set is granted; "": none.
func (f Fence) Condition(set PermissionSet) string {
	switch {
	case set.Name == needKeys && f.Window != nil:
		return f.Window.Condition()
	case strings.HasPrefix(set.Name, "SecretManager") && f.Folder != "" && f.Folder != "/":
		return FolderCondition(f.Folder)
	}
	return ""
}

// FolderCondition holds for the secrets of a folder. Without its second half no list
// would be answered (docs/scaleway.md, Policies and rules), and maybe no secret made
// (A89): both are asked about without a resource.
func FolderCondition(folder string) string {
	return `resource.name.startsWith("` + folder + `/") || !has(resource.id)`
}

var folderCondition = regexp.MustCompile(`^resource\.name\.startsWith\("((?:/[A-Za-z0-9._-]+)+)/"\) \|\| !has\(resource\.id\)$`)

// FolderOf reads what FolderCondition wrote.
func FolderOf(condition string) (folder string, is bool) {
	found := folderCondition.FindStringSubmatch(condition)
	if found == nil {
		return "", false
	}
	return found[1], true
}

// Window is a part of each day, in hours of UTC: crons run in UTC. One whose end is
// before its beginning goes over midnight.
type Window struct{ From, To int }

var (
	window          = regexp.MustCompile(`^(\d\d):00-(\d\d):00$`)
	windowCondition = regexp.MustCompile(`^request\.time\.getHours\("UTC"\) >= (\d+) (&&|\|\|) request\.time\.getHours\("UTC"\) < (\d+)$`)
	errWindow       = errors.New(`want whole hours of UTC, such as 03:00-05:00`)
)

// ParseWindow reads a window as people write it.
func ParseWindow(text string) (Window, error) {
	found := window.FindStringSubmatch(text)
	if found == nil {
		return Window{}, fmt.Errorf("%q: %w", text, errWindow)
	}
	w := Window{number(found[1]), number(found[2])}
	switch {
	case w.From > 23 || w.To > 24:
		return Window{}, fmt.Errorf("%q: %w", text, errWindow)
	case w.From == w.To, w.From == 0 && w.To == 24:
		return Window{}, fmt.Errorf("%q: is the whole day, or nothing of it", text)
	}
	if w.To == 0 {
		w.To = 24
	}
	return w, nil
}

func number(text string) (n int) {
	_, _ = fmt.Sscan(text, &n) // two digits
	return n
}

func (w Window) String() string { return fmt.Sprintf("%02d:00-%02d:00", w.From, w.To) }

// Alone is how it is said that something is granted within the window.
func (w Window) Alone() string { return "within " + w.String() + " UTC alone" }

// Holds tells whether a time is within.
func (w Window) Holds(at time.Time) bool {
	hour := at.UTC().Hour()
	if w.From > w.To {
		return hour >= w.From || hour < w.To
	}
	return hour >= w.From && hour < w.To
}

// Condition holds within the window.
func (w Window) Condition() string {
	and := "&&"
	if w.From > w.To {
		and = "||"
	}
	return fmt.Sprintf(`request.time.getHours("UTC") >= %d %s request.time.getHours("UTC") < %d`, w.From, and, w.To)
}

// WindowOf reads what Condition wrote.
func WindowOf(condition string) (Window, bool) {
	found := windowCondition.FindStringSubmatch(condition)
	if found == nil {
		return Window{}, false
	}
	w := Window{number(found[1]), number(found[3])}
	return w, w.Condition() == condition && w.From != w.To && w.From < 24 && w.To <= 24
}

// KeyWindow tells within which window grants let keys be made and deleted. It is nil
// where they do so at all times, or not at all, or on a condition of another kind.
func KeyWindow(grants []Grant) *Window {
	var found *Window
	for _, g := range grants {
		for _, set := range g.PermissionSets {
			if !g.Organization || set != needKeys && set != "IAMManager" {
				continue
			}
			w, is := WindowOf(g.Condition)
			if !is || found != nil && *found != w {
				return nil
			}
			found = &w
		}
	}
	return found
}

// KeysWithin has what is refused about keys outside of a window say so.
func (c *Client) KeysWithin(w *Window) { c.keyWindow.Store(w) }

// Outside tells whether keys can neither be made nor deleted now, and within which
// window they can.
func (c *Client) Outside() (Window, bool) {
	w := c.keyWindow.Load()
	if w == nil || w.Holds(c.Now()) {
		return Window{}, false
	}
	return *w, true
}

// timely is an error about a key with the window in its hint, where that is why.
func (c *Client) timely(err error) error {
	refused, ok := errors.AsType[*Error](err)
	if w, outside := c.Outside(); ok && outside && errors.Is(refused.Class, ErrForbidden) {
		refused.hint = "its policy lets the function make and delete keys " + w.Alone()
	}
	return err
}
