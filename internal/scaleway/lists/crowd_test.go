package lists_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestEachHundredItemsCostACall(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 99, 100, 101, 200, 250} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			seed := emulator.Seed{Projects: []emulator.SeedProject{{Name: "demo"}}}
			for i := range n {
				seed.Applications = append(seed.Applications, emulator.SeedApplication{Name: fmt.Sprintf("app-%03d", i)})
			}
			r := scalewaytest.Start(t, emulator.Options{}, seed)
			apps, err := r.Applications(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := scalewaytest.Names(apps, func(a scaleway.Application) string { return a.Name }); len(got) != n || !slices.IsSorted(got) || len(slices.Compact(got)) != n {
				t.Errorf("%d applications: %v", len(got), got)
			}
			want := n/100 + 1 // whether a full page is the last, only the next one tells
			if sent, _ := r.Calls(); int(sent) != want || len(r.History()) != want {
				t.Errorf("%d calls, %d requests, want %d", sent, len(r.History()), want)
			}
		})
	}
}

func TestItemsThatMovedBetweenPagesComeOnce(t *testing.T) {
	t.Parallel()
	// 150 keys; while they are read, five of the first page go to the second.
	far := scalewaytest.FarSide(func(r *http.Request) (*http.Response, error) {
		page := r.URL.Query().Get("page")
		first, last := 0, 100
		if page == "2" {
			first, last = 95, 150
		}
		var rows []string
		for i := first; i < last; i++ {
			rows = append(rows, fmt.Sprintf(`{"access_key":"SCW%017d","application_id":"a"}`, i))
		}
		return scalewaytest.Answer{Status: 200, Body: `{"api_keys":[` + strings.Join(rows, ",") + `],"total_count":150}`}.To(r)
	})
	got, err := scalewaytest.NewClient(t, scalewaytest.Options(far)).APIKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := scalewaytest.Names(got, func(k scaleway.APIKey) string { return k.AccessKey })
	want := make([]string, 150)
	for i := range want {
		want[i] = fmt.Sprintf("SCW%017d", i)
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestManyGoroutinesShareAClient(t *testing.T) {
	t.Parallel()
	r := scalewaytest.Start(t, emulator.Options{}, crowded())
	own := r.Keys("checkout")[0]
	pair := scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: own.AccessKey}, Secret: redact.New(own.SecretKey)}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, c := range []func() error{
				func() error { _, err := r.APIKeys(t.Context()); return err },
				func() error { _, err := r.Applications(t.Context()); return err },
				func() error { _, err := r.Policies(t.Context()); return err },
				func() error { _, err := r.Groups(t.Context()); return err },
				func() error { _, err := r.Users(t.Context()); return err },
				func() error { _, err := r.KeyLifetimeCap(t.Context()); return err },
				func() error { _, err := r.Secrets(t.Context(), "fr-par", "/"); return err },
				func() error { _, err := r.Namespaces(t.Context(), scaleway.Functions, "fr-par"); return err },
				func() error { _, err := r.Namespaces(t.Context(), scaleway.Containers, "fr-par"); return err },
				func() error { _, err := r.ContainerDomains(t.Context(), "nl-ams"); return err },
				func() error {
					if ok, err := r.Authenticates(t.Context(), pair); !ok || err != nil {
						return fmt.Errorf("authenticates: %t, %w", ok, err)
					}
					return nil
				},
			} {
				all.Go(func() {
					if err := c(); err != nil {
						t.Error(err)
					}
					_ = r.Client.Now()
					_, _ = r.ClockOffset()
					_, _ = r.Calls()
				})
			}
		})
	}
	all.Wait()
	if sent, retried := r.Calls(); sent != 88 || retried != 0 {
		t.Errorf("%d sent, %d retried", sent, retried)
	}
}
