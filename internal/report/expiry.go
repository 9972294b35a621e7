package report

import "time"

// NextExpiry is when the next key or legacy token dies by itself that lives after
// the run, and what it is; zero: none does.
func (r *Report) NextExpiry() (at time.Time, what string) {
	consider := func(expires *time.Time, name string) {
		if expires != nil && expires.After(r.FinishedAt) && (at.IsZero() || expires.Before(at)) {
			at, what = *expires, name
		}
	}
	gone := map[string]bool{}
	for _, c := range r.Changes {
		if c.Kind == "delete_key" && c.Result == Done {
			gone[c.Object] = true
		}
	}
	if k := r.OwnKey; k != nil && !gone[k.AccessKey] {
		consider(k.ExpiresAt, "the function's own key "+k.AccessKey)
	}
	for _, a := range r.Applications {
		for _, k := range a.Keys {
			if !gone[k.AccessKey] {
				consider(k.ExpiresAt, "the "+k.State+" key "+k.AccessKey+" of "+a.Name)
			}
		}
	}
	for _, t := range r.LegacyTokens {
		if t.Result != "deleted" {
			consider(t.ExpiresAt, "the legacy token "+t.ID)
		}
	}
	return at, what
}
