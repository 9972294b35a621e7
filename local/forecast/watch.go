package forecast

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// watch tells what happens from what the API lists after each run, and not from what
// runs say of themselves: but for environments and tokens, which it counts by their
// changes.
type watch struct {
	client *scaleway.Client
	cfg    config.Config
	found  *snapshot
	owner  string // the access key of the emulator's owner, who is nobody's real one

	readers time.Duration // how often keys are read; 0: not said
	quota   int           // of keys; 0: not said

	last      time.Time         // up to then everything is told
	lives     map[string]*being // by access key, all that ever were
	order     []*being          // as they came
	listed    map[string]bool   // by access key, now
	published map[string]string // by application: what readers get
	versions  map[string]int    // by application: how many its secret holds
	made      map[string]int    // by application: new keys
	callers   map[string]bool   // by ID: who can call private endpoints
	inScope   map[string]bool   // by application
	own       string            // the function's application
	firstOwn  string            // the key that the function runs on at first
	runs      int
	failed    int
	mostKeys  int
	mostAt    time.Time
	events    []Event
	breaks    []Break
	said      map[string]bool // breaks that are said once
	failing   string          // the gist of why the last run failed; "": it did not
	failingAt int             // which of the breaks is that of the runs that fail
}

// being is a key from its creation to its death.
type being struct {
	scaleway.APIKey

	label     string
	published bool      // readers got it, once
	replaced  time.Time // readers, or whoever had it, were given another; zero: not yet
	died      time.Time // zero: it lives
	deleted   bool      // by a run; else it expired
}

func newWatch(c *scaleway.Client, cfg config.Config, found *snapshot, owner string) *watch {
	return &watch{
		client: c, cfg: cfg, found: found, owner: owner, last: found.at,
		lives: map[string]*being{}, published: map[string]string{}, versions: map[string]int{}, made: map[string]int{},
		firstOwn: cfg.AccessKey, callers: map[string]bool{}, inScope: map[string]bool{}, said: map[string]bool{},
	}
}

// look reads what there is now.
func (w *watch) look(ctx context.Context) (keys []scaleway.APIKey, published map[string]string, err error) {
	if keys, err = w.client.APIKeys(ctx); err != nil {
		return nil, nil, err
	}
	keys = slices.DeleteFunc(keys, func(k scaleway.APIKey) bool { return k.AccessKey == w.owner })
	secrets, err := w.client.Secrets(ctx, w.cfg.SecretRegion, w.cfg.SecretPath)
	if err != nil {
		return nil, nil, err
	}
	published = map[string]string{}
	for _, s := range secrets {
		if s.Name == ledgerName {
			continue
		}
		versions, err := w.client.Versions(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		versions = slices.DeleteFunc(versions, func(v scaleway.Version) bool { return v.Going })
		w.versions[s.Name] = len(versions)
		if i := slices.IndexFunc(versions, func(v scaleway.Version) bool { return v.Enabled }); i >= 0 {
			published[s.Name] = rotate.VersionKey(versions[i].Description)
		}
	}
	return keys, published, nil
}

// begin notes what there is before the first run.
func (w *watch) begin(ctx context.Context) error {
	keys, published, err := w.look(ctx)
	if err != nil {
		return err
	}
	w.published, w.listed = published, map[string]bool{}
	for _, k := range keys {
		w.born(k, k.AccessKey)
	}
	w.count(w.last)
	return nil
}

func (w *watch) born(k scaleway.APIKey, label string) *being {
	b := &being{APIKey: k, label: label, published: w.published[k.ApplicationID] == k.AccessKey && k.ApplicationID != ""}
	if !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(w.last) {
		b.died = k.ExpiresAt
	}
	w.lives[k.AccessKey], w.listed[k.AccessKey], w.order = b, true, append(w.order, b)
	return b
}

// after tells what happened up to and in the run of that time.
func (w *watch) after(ctx context.Context, at time.Time, rep *report.Report) error {
	if w.runs == 0 {
		w.learn(rep) // what expired before the first run was somebody's, too
	}
	w.expire(at)
	keys, published, err := w.look(ctx)
	if err != nil {
		return err
	}
	w.runs++
	w.learn(rep)
	before := w.published
	w.published = published
	listed := map[string]bool{}
	for _, k := range keys {
		listed[k.AccessKey] = true
		if w.lives[k.AccessKey] == nil {
			w.isMade(at, k, before[k.ApplicationID])
		}
	}
	for _, b := range w.order {
		switch {
		case w.listed[b.AccessKey] && !listed[b.AccessKey]:
			w.isDeleted(at, b)
		case b.ApplicationID != "" && published[b.ApplicationID] == b.AccessKey:
			b.published = true
		case b.replaced.IsZero() && (b.published || before[b.ApplicationID] == "") && published[b.ApplicationID] != before[b.ApplicationID]:
			b.replaced = at // be it that nobody ever published it
		}
	}
	w.listed = listed
	w.changes(at, rep)
	w.count(at)
	w.fills(at, rep)
	w.outcome(at, rep)
	return nil
}

// end tells what happens after the last run.
func (w *watch) end(at time.Time) { w.expire(at) }

// learn takes from a report who is who.
func (w *watch) learn(rep *report.Report) {
	for _, a := range rep.Applications {
		w.inScope[a.ID] = a.InScope
	}
	for _, c := range rep.Callers {
		w.callers[c.ID] = true
	}
	if rep.OwnKey != nil {
		w.own = rep.OwnKey.ApplicationID
	}
}

func (w *watch) tell(at time.Time, kind Kind, who, key string, n int, format string, args ...any) {
	w.events = append(w.events, Event{At: at.UTC(), Kind: kind, Who: who, Key: key, N: n, Text: fmt.Sprintf(format, args...)})
}

func (w *watch) isMade(at time.Time, k scaleway.APIKey, before string) {
	w.made[k.ApplicationID]++
	b := w.born(k, fmt.Sprintf("new %d", w.made[k.ApplicationID]))
	who := w.found.bearer(k)
	expires := "never expires"
	if !k.ExpiresAt.IsZero() {
		expires = "would die by itself on " + report.Date(k.ExpiresAt)
	}
	old := w.lives[before]
	if old == nil && k.ApplicationID == w.own {
		if old = w.lives[w.cfg.AccessKey]; old != nil {
			old.replaced = at
		}
	}
	if old == nil {
		w.tell(at, Made, who, b.label, 0, "%s gets its first published key, %s, which %s", who, b.label, expires)
		return
	}
	w.tell(at, Made, who, b.label, 0, "the key %s of %s is rotated: %s takes its place, and %s", old.label, who, b.label, expires)
}

func (w *watch) isDeleted(at time.Time, b *being) {
	expired := !b.died.IsZero()
	if !expired {
		b.died, b.deleted = at, true
		w.tell(at, Deleted, w.found.bearer(b.APIKey), b.label, 0, "the key %s of %s is deleted: %s", b.label, w.found.bearer(b.APIKey), w.lived(b))
		w.graceOf(b)
	}
}

// lived says how long ago a key was replaced when it died.
func (w *watch) lived(b *being) string {
	if b.replaced.IsZero() {
		return "it was replaced before " + report.Date(w.found.at)
	}
	return "it was replaced " + inDays(b.died.Sub(b.replaced)) + " before"
}

// expire tells which keys die by themselves until then.
func (w *watch) expire(until time.Time) {
	dead := slices.DeleteFunc(slices.Clone(w.order), func(b *being) bool {
		return !w.listed[b.AccessKey] || !b.died.IsZero() || b.ExpiresAt.IsZero() || b.ExpiresAt.After(until)
	})
	slices.SortStableFunc(dead, func(a, b *being) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	for _, b := range dead {
		b.died = b.ExpiresAt
		who := w.found.bearer(b.APIKey)
		w.tell(b.died, Expired, who, b.label, 0, "the key %s of %s expires", b.label, who)
		w.unreplaced(b, who)
		w.graceOf(b)
	}
	w.last = until
}

// changes counts what a run did to environments and tokens.
func (w *watch) changes(at time.Time, rep *report.Report) {
	environments, tokens := 0, 0
	for _, c := range rep.Changes {
		switch {
		case c.Result != report.Done:
		case c.Kind == "update_environment" && !strings.HasPrefix(c.Reason, "the function itself"):
			environments++
		case c.Kind == "delete_token":
			tokens++
		}
	}
	if environments > 0 {
		w.tell(at, Delivered, "", "", environments, "%s updated with a current key", plural(environments, "environment is", "environments are"))
	}
	if tokens > 0 {
		w.tell(at, Tokens, "", "", tokens, "%s deleted", plural(tokens, "legacy token is", "legacy tokens are"))
	}
}

func (w *watch) count(at time.Time) {
	if n := len(w.listed); n > w.mostKeys {
		w.mostKeys, w.mostAt = n, at.UTC()
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func inDays(d time.Duration) string { return plural(report.Days(d), "day", "days") }
