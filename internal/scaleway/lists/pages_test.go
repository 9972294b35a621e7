package lists_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
)

// pagesOf answers with the page that is asked for, of count items each, and the
// total_count of total.
func pagesOf(items func(page int) []string, total func(page int) int) scalewaytest.FarSide {
	return func(r *http.Request) (*http.Response, error) {
		page, err := strconv.Atoi(r.URL.Query().Get("page"))
		if err != nil {
			return nil, err
		}
		var rows []string
		for _, id := range items(page) {
			rows = append(rows, fmt.Sprintf(`{"access_key":%q,"application_id":"a"}`, id))
		}
		return scalewaytest.Answer{Status: 200, Body: fmt.Sprintf(`{"api_keys":[%s],"total_count":%d}`, strings.Join(rows, ","), total(page))}.To(r)
	}
}

// ids are the identifiers from first to before last.
func ids(first, last int) (out []string) {
	for i := first; i < last; i++ {
		out = append(out, fmt.Sprintf("SCW%017d", i))
	}
	return out
}

// TestAListEnds gives lists that lie about their length.
func TestAListEnds(t *testing.T) {
	t.Parallel()
	always := func(n int) func(int) int { return func(int) int { return n } }
	upTo := func(n int) func(int) []string { // truthful pages of a hundred
		return func(page int) []string { return ids(min((page-1)*100, n), min(page*100, n)) }
	}
	for _, row := range []struct {
		name  string
		items func(page int) []string
		total func(page int) int
		got   int
		err   string // "": none
		calls int64
	}{
		{"the truth", upTo(250), always(250), 250, "", 3},
		{"too small a count", upTo(250), always(1), 250, "", 3},
		{"no count", upTo(7), always(0), 7, "", 1},
		{"a million, and always the same page", func(int) []string { return ids(0, 100) }, always(1_000_000), 0, "announces 1000000 items and delivers 100", 6},
		{"a million, and nothing", func(int) []string { return nil }, always(1_000_000), 0, "announces 1000000 items and delivers 0", 3},
		{"a million, and a page a page", upTo(1_000_000), always(1_000_000), 0, "more than 10000 items", 100},
		{"one more than there are", upTo(5), always(6), 0, "announces 6 items and delivers 5", 6},
		{"pages smaller than asked for", func(page int) []string { return ids((page-1)*20, min(page*20, 50)) }, always(50), 50, "", 3},
		{"the same items on two pages", func(page int) []string { return ids((page-1)*95, min((page-1)*95+100, 150)) }, always(150), 150, "", 2},
		{"fewer while it is read", upTo(150), func(page int) int { return 151 - page }, 0, "got shorter while it was read", 6},
		{"more while it is read", upTo(150), func(page int) int { return 148 + page }, 150, "", 2},
		{"an item without a name", func(int) []string { return []string{""} }, always(1), 0, "does not say which it is", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := scalewaytest.Options(pagesOf(row.items, row.total))
				start := time.Now()
				c := scalewaytest.NewClient(t, o)
				got, err := c.APIKeys(t.Context())
				switch {
				case row.err == "" && err != nil, row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)):
					t.Errorf("error %v, want %q", err, row.err)
				case err != nil && !errors.Is(err, scaleway.ErrUnknown):
					t.Errorf("the error is of no class: %v", err)
				}
				if calls, _ := c.Calls(); len(got) != row.got || calls != row.calls {
					t.Errorf("%d items with %d calls, want %d with %d", len(got), calls, row.got, row.calls)
				}
				if took := time.Since(start); took > time.Minute {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// A list whose count and items are of different moments is read again
// (docs/scaleway.md, Lists).
func TestAListThatWasShortIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := scalewaytest.NewClient(t, scalewaytest.Options(pagesOf(func(page int) []string {
			if asked++; page > 1 {
				return nil
			}
			return ids(0, 5)
		}, func(int) int {
			if asked <= 2 {
				return 6
			}
			return 5
		})))
		got, err := c.APIKeys(t.Context())
		if err != nil || len(got) != 5 || asked != 3 {
			t.Errorf("%d items after %d calls, error %v", len(got), asked, err)
		}
	})
}

// What a filter would drop without a word is an error where the API does not
// say whose it is.
func TestAnItemMustSayWhoseItIs(t *testing.T) {
	t.Parallel()
	n := scaleway.Namespace{ID: "n"}
	for name, row := range map[string]struct {
		body string
		call func(*scaleway.Client) error
	}{
		"an application": {`{"applications":[{"id":"a"}]}`, func(c *scaleway.Client) error { _, err := c.Applications(t.Context()); return err }},
		"a group without members": {`{"groups":[{"id":"g","organization_id":"` + scalewaytest.Organization + `"}]}`, func(c *scaleway.Client) error {
			_, err := c.Groups(t.Context())
			return err
		}},
		"a rule without scope": {`{"rules":[{"id":"r","permission_set_names":["A"]}]}`, func(c *scaleway.Client) error {
			_, err := c.Rules(t.Context(), scaleway.Principal{})
			return err
		}},
		"a rule without sets": {`{"rules":[{"id":"r","project_ids":["x"]}]}`, func(c *scaleway.Client) error {
			_, err := c.Rules(t.Context(), scaleway.Principal{})
			return err
		}},
		"a namespace": {`{"namespaces":[{"id":"n"}]}`, func(c *scaleway.Client) error {
			_, err := c.Namespaces(t.Context(), scaleway.Containers, "fr-par")
			return err
		}},
		"a function": {`{"functions":[{"id":"f"}]}`, func(c *scaleway.Client) error {
			_, err := c.Resources(t.Context(), scaleway.Functions, "fr-par", []scaleway.Namespace{n})
			return err
		}},
		"a domain": {`{"domains":[{"id":"d","hostname":"h"}]}`, func(c *scaleway.Client) error {
			_, err := c.ContainerDomains(t.Context(), "fr-par")
			return err
		}},
		"a token": {`{"tokens":[{"id":"t"}]}`, func(c *scaleway.Client) error {
			_, err := c.Tokens(t.Context(), scaleway.Scope{Product: scaleway.Functions, Region: "fr-par", Namespace: n})
			return err
		}},
		"a secret": {`{"secrets":[{"id":"s","name":"x","path":"/"}]}`, func(c *scaleway.Client) error {
			_, err := c.Secrets(t.Context(), "fr-par", "/")
			return err
		}},
		"a version": {`{"versions":[{"revision":1}]}`, func(c *scaleway.Client) error {
			_, err := c.Versions(t.Context(), scaleway.Secret{ID: "s", Region: "fr-par"})
			return err
		}},
	} {
		c := scalewaytest.NewClient(t, scalewaytest.Options(&scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 200, Body: row.body}}}))
		if err := row.call(c); err == nil || !strings.Contains(err.Error(), " has no ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
