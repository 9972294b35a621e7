package tell

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// mailKind is a target that is no URL: an e-mail by Scaleway's Transactional Email, with
// the key of whoever tells.
const mailKind = "tem"

// recipientsMax is how many one e-mail has.
const recipientsMax = 10

var (
	mailAddress = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)
	errMail     = errors.New("want tem:from=keys@example.com,to=ops@example.com, with one sender and ten recipients at the most")
)

// parts reads what stands after tem:, a list with commas, or a query, with or without
// // before it. A .env holds the one and not the other.
func parts(setting string) (values url.Values, ok bool) {
	setting = strings.TrimPrefix(setting, "//")
	if query, is := strings.CutPrefix(setting, "?"); is {
		values, err := url.ParseQuery(query)
		return values, err == nil
	}
	values = url.Values{}
	for part := range strings.SplitSeq(setting, ",") {
		name, value, found := strings.Cut(part, "=")
		if !found {
			return nil, false
		}
		values.Add(name, value)
	}
	return values, true
}

// people are an e-mail's sender and recipients, which may have commas between them; wrong
// says which are none.
func people(values url.Values) (from string, to []string, wrong string) {
	for _, list := range values["to"] {
		to = append(to, strings.Split(list, ",")...)
	}
	none := func(address string) bool { return !mailAddress.MatchString(address) }
	switch from = values.Get("from"); {
	case len(values["from"]) != 1 || none(from):
		return "", nil, "from"
	case len(to) == 0 || len(to) > recipientsMax || slices.ContainsFunc(to, none):
		return "", nil, "to"
	case len(values) != 2:
		return "", nil, "query, which has more than from and to,"
	}
	return from, to, ""
}

// mailTo reads an e-mail's sender and recipients.
func mailTo(setting string) (Target, bool) {
	values, ok := parts(setting)
	if !ok {
		return Target{}, false
	}
	from, to, wrong := people(values)
	if wrong != "" {
		return Target{}, false
	}
	return Target{kind: mailKind, host: domain(to[0]), from: from, to: to}, true // of a person no more than the host is shown
}

// post sends a message as an e-mail, once: the client behind it tries again by itself.
func (t *Teller) post(ctx context.Context, to Target, m Message) Result {
	result := Result{Target: to.Name()}
	if t.mail == nil {
		result.Detail = "there is no API to send it with"
		return result
	}
	if err := t.mail(ctx, to.from, to.to, m.Title, m.Text()); err != nil {
		result.Detail = "Transactional Email has not taken it: " + err.Error()
		return result
	}
	result.Told = true
	return result
}
