package scaleway_test

import (
	"slices"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

func TestWhatAFenceWritesItReads(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"/rotator", "/a/b.c-d_e"} {
		if got, is := scaleway.FolderOf(scaleway.FolderCondition(folder)); !is || got != folder {
			t.Errorf("%s comes back as %q, %t", folder, got, is)
		}
	}
	for _, text := range []string{"03:00-05:00", "22:00-04:00", "00:00-01:00", "23:00-24:00"} {
		w, err := scaleway.ParseWindow(text)
		if err != nil || w.String() != text {
			t.Errorf("%s is read as %s, %v", text, w, err)
		}
		if got, is := scaleway.WindowOf(w.Condition()); !is || got != w {
			t.Errorf("%s comes back as %s, %t", text, got, is)
		}
	}
	if w, err := scaleway.ParseWindow("22:00-00:00"); err != nil || w.String() != "22:00-24:00" {
		t.Errorf("22:00-00:00 is read as %s, %v", w, err)
	}
	for _, text := range []string{"", "3-5", "03:00-03:00", "00:00-24:00", "00:00-00:00", "24:00-01:00", "03:00-25:00", "03:15-05:00", "03:00-05:00 "} {
		if w, err := scaleway.ParseWindow(text); err == nil {
			t.Errorf("%q is read as %s", text, w)
		}
	}
	for _, condition := range []string{
		"", "1 == 1", `resource.name.startsWith("/a/")`, `resource.name.startsWith("/a/") || !has(resource.id) || true`,
		`request.time.getHours("UTC") >= 3 || request.time.getHours("UTC") < 5`, // whenever
		`request.time.getHours("UTC") >= 5 && request.time.getHours("UTC") < 3`, // never
		`request.time.getHours("UTC") >= 30 || request.time.getHours("UTC") < 5`,
	} {
		if w, is := scaleway.WindowOf(condition); is {
			t.Errorf("%s is read as %s", condition, w)
		}
		if folder, is := scaleway.FolderOf(condition); is {
			t.Errorf("%s is read as %s", condition, folder)
		}
	}
}

func TestAWindowHoldsWithin(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int{"03:00-05:00": {3, 4}, "22:00-02:00": {0, 1, 22, 23}, "23:00-24:00": {23}, "00:00-01:00": {0}} {
		w, err := scaleway.ParseWindow(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for hour := range 24 {
			if w.Holds(time.Date(2026, 9, 1, hour, 59, 59, 0, time.UTC).In(time.FixedZone("", 3600))) {
				got = append(got, hour)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s holds in the hours %v, want %v", text, got, want)
		}
	}
}

func TestTheWindowOfGrants(t *testing.T) {
	t.Parallel()
	w := scaleway.Window{From: 3, To: 5}
	keys := func(condition string) scaleway.Grant {
		return scaleway.Grant{PermissionSets: []string{"IAMApplicationManager"}, Organization: true, Condition: condition}
	}
	for name, test := range map[string]struct {
		grants []scaleway.Grant
		want   *scaleway.Window
	}{
		"nothing":            {nil, nil},
		"always":             {[]scaleway.Grant{keys("")}, nil},
		"within":             {[]scaleway.Grant{keys(w.Condition())}, &w},
		"within and always":  {[]scaleway.Grant{keys(w.Condition()), keys("")}, nil},
		"on another":         {[]scaleway.Grant{keys(w.Condition()), keys("1 == 1")}, nil},
		"within two":         {[]scaleway.Grant{keys(w.Condition()), keys(scaleway.Window{From: 5, To: 6}.Condition())}, nil},
		"twice":              {[]scaleway.Grant{keys(w.Condition()), keys(w.Condition())}, &w},
		"others are as is":   {[]scaleway.Grant{keys(w.Condition()), {PermissionSets: []string{"IAMReadOnly"}, Organization: true}}, &w},
		"a manager may, too": {[]scaleway.Grant{keys(w.Condition()), {PermissionSets: []string{"IAMManager"}, Organization: true}}, nil},
		"of a project: none": {[]scaleway.Grant{keys(w.Condition()), {PermissionSets: []string{"IAMApplicationManager"}, ProjectIDs: []string{"p"}}}, &w},
	} {
		got := scaleway.KeyWindow(test.grants)
		if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
