package report

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode/utf8"
)

// ContentSecurityPolicy is what a page of this package may do: look as its own
// style says, and nothing else. It is in the page as well; as a header it also
// keeps the page out of other people's frames, which a page cannot do by itself.
func ContentSecurityPolicy() string { return policy() + "; frame-ancestors 'none'" }

func policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// document is what every page has.
type document struct {
	Policy string
	Style  template.CSS
	Title  string
}

func newDocument(title string) document {
	return document{Policy: policy(), Style: style, Title: title}
}

// page is a whole report.
type page struct {
	document

	Head         head
	ToActOn      []matter
	Left         lines
	Picture      picture
	Applications []applicationView
	Sections     []section
	Wrong        []section // what comes before the picture
	Notes        []matter
	Cost         string
}

// head is the outcome.
type head struct {
	Good    bool
	Sign    string
	Outcome string
	ToDo    string
	Of      string
	InShort []string
}

// matter is a finding, or a step that failed.
type matter struct {
	Level    string // error, warning or note
	Title    string
	Subjects []string
	Lines    []string
	Hint     string
	More     string
}

// section is a heading and a table.
type section struct {
	ID, Title string
	Intro     []string
	Tables    []grid
	More      string
}

type grid struct {
	Title string // for who cannot see where it stands
	Head  []tile
	Rows  [][]tile
}

// tile is a cell of a grid.
type tile struct {
	Text  string
	Class string // good, bad or open: what its text means, where that is a sign; short, where it is
	Name  bool   // of the row
}

type lines struct {
	Lines []string
	More  string
}

type applicationView struct {
	Name, Action, Why string
	Lines             []string
	Keys              grid
}

// HTML writes the report as a page that needs nothing but itself: no script, and
// nothing from elsewhere. It holds what the text does, a picture of the keys, and
// all changes.
func (r *Report) HTML(w io.Writer) error {
	return write(w, "page", page{
		document: newDocument(r.title()), Head: r.header(),
		ToActOn: r.matters(), Wrong: r.wentWrong(), Left: cutList(r.Left),
		Picture: r.picture(), Applications: r.applicationViews(), Sections: r.sections(),
		Notes: r.said(Note), Cost: r.cost(),
	})
}

// BriefHTML is Brief as a page.
func (r *Report) BriefHTML(w io.Writer, hint string) error {
	n := r.Counts()
	rows := [][]string{
		{"keys rotated", fmt.Sprint(n.KeysRotated)},
		{"keys rolled back", fmt.Sprint(n.KeysRolledBack)},
		{"superseded keys deleted", fmt.Sprint(n.KeysDeleted)},
		{"environments updated", fmt.Sprint(n.EnvironmentsUpdated)},
		{"legacy tokens deleted", fmt.Sprint(n.TokensDeleted)},
		{"endpoints checked", fmt.Sprint(n.Endpoints)},
		{"errors", fmt.Sprint(n.Errors)},
		{"warnings", fmt.Sprint(n.Warnings)},
		{"notes", fmt.Sprint(n.Notes)},
		{"left for the next run", fmt.Sprint(n.Left)},
	}
	title := "In numbers"
	if r.DryRun {
		title = "In numbers: what a run would do"
	}
	return write(w, "brief", struct {
		document
		Head   head
		Counts grid
		Hint   string
	}{newDocument(r.title()), r.header(), gridOf(title, []string{"", "how many"}, rows), hint})
}

// RefusalHTML is an answer other than a report, as a page.
func RefusalHTML(w io.Writer, text, hint string) error {
	return write(w, "refusal", struct {
		document
		Text, Hint string
	}{newDocument("Refused"), text, hint})
}

func write(w io.Writer, name string, data any) error {
	// Parsed here, and not once at the start: few runs are asked for a page.
	t, err := template.New("").Parse(templates)
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(w, name, data)
}

func (r *Report) title() string {
	return strings.ToUpper(string(r.Outcome)) + ": " + r.kind() + " " + r.RunID
}

func (r *Report) header() head {
	return head{
		Good: r.Outcome == Success, Sign: r.sign(), Outcome: strings.ToUpper(string(r.Outcome)), ToDo: toDo(r.acting()),
		Of: fmt.Sprintf("%s %s on project %s, %s UTC", r.kind(), r.RunID, r.ProjectID, r.StartedAt.UTC().Format("2 January 2006, 15:04")), InShort: r.inShort(),
	}
}

// matters are what to act on, the worst first.
func (r *Report) matters() []matter {
	all := r.said(Error)
	for _, s := range r.Steps {
		if s.wentWrong() {
			errors := cutList(s.Errors)
			all = append(all, matter{Level: string(Error), Title: fmt.Sprintf("step %s: %s", s.Name, s.Outcome), Lines: errors.Lines, More: errors.More})
		}
	}
	return append(all, r.said(Warning)...)
}

func (r *Report) said(level Level) []matter {
	said, subjects := r.distinct(level)
	all := make([]matter, 0, min(len(said), rowsMax))
	for _, f := range said[:min(len(said), rowsMax)] {
		of := cutList(subjects[f])
		all = append(all, matter{Level: string(level), Subjects: of.Lines, More: of.More, Title: f.Text, Hint: f.Hint})
	}
	if more := more(len(said)); more != "" {
		all = append(all, matter{Level: string(level), Title: more})
	}
	return all
}

// more says what rowsMax leaves out of so many rows.
func more(rows int) string {
	if rows <= rowsMax {
		return ""
	}
	return fmt.Sprintf("… and %d more, which ?format=json shows", rows-rowsMax)
}

func cutList(all []string) lines {
	return lines{all[:min(len(all), rowsMax)], more(len(all))}
}

func (r *Report) applicationViews() []applicationView {
	var views []applicationView
	for _, a := range r.Applications {
		if r.amongCallers(a) {
			continue // there is nothing more to say of it
		}
		v := applicationView{Name: a.Name, Action: a.Action, Why: a.Why}
		if a.Secret != nil {
			v.Lines = append(v.Lines, a.Secret.published())
		}
		v.Lines = append(v.Lines, r.moreOf(a)...)
		if rows := a.keyRows(); len(rows) > 0 {
			v.Keys = gridOf("Keys of "+a.Name, []string{"key", "state", "age", "expiry", ""}, rows)
		}
		views = append(views, v)
	}
	return views
}

// wentWrong are the changes that were not made, or may have been.
func (r *Report) wentWrong() []section {
	rows := changeRows(r.Changes, Change.wentWrong)
	return appendSection(nil, "wrong", "Changes that went wrong", changeHead(), rows, nil)
}

func changeHead() []string { return []string{"", "result", "change", "of", "reason"} }

// sections are the tables that come after the picture.
func (r *Report) sections() []section {
	callers := r.checking()
	all := appendSection(nil, "found", "Found", nil, r.foundRows(), nil)
	all = appendSection(all, "callers", "Who else can call private endpoints", []string{"who", "what", "means", ""}, r.callerRows(), nil)
	all = appendSection(all, "budget", budgetTitle, []string{"", "dies", "key", "of", "", ""}, r.budgetRows(), nil)
	all = appendSection(all, "consumers", "Consumers: who carries a key",
		[]string{"", "consumer", "region", "carries", "result", ""}, carrierRows(r.Consumers), r.sumRows("consumer"))
	endpoints := len(all)
	all = appendSection(all, "endpoints", "Endpoints: who is let in",
		append(append([]string{"", "endpoint", "no token", "malformed", "unknown"}, callers...), ""), matrix(r.Endpoints, callers), r.sumRows("endpoint"))
	if len(all) > endpoints {
		all[endpoints].Intro = r.howAsked()
	}
	all = appendSection(all, "tokens", "Legacy tokens", []string{"token", "of", "region", "expiry", "result", ""}, tokenRows(r.LegacyTokens), r.sumRows("legacy token"))
	title := "Changes"
	if r.DryRun {
		title = "Changes that a run would make"
	}
	return appendSection(all, "changes", title, changeHead(), changeRows(r.Changes, func(Change) bool { return true }), r.sumRows("change"))
}

// appendSection appends one that has rows.
func appendSection(all []section, id, title string, head []string, rows, sums [][]string) []section {
	if len(rows)+len(sums) == 0 {
		return all
	}
	s := section{ID: id, Title: title, More: more(len(rows))}
	if len(rows) > 0 {
		s.Tables = append(s.Tables, gridOf(title, head, rows[:min(len(rows), rowsMax)]))
	}
	if len(sums) > 0 {
		s.Tables = append(s.Tables, gridOf(title+", summed up", []string{"", "how many", "product", "where", "result"}, sums))
	}
	return append(all, s)
}

// gridOf makes rows as long as the longest one, and leaves columns out that are
// empty in all of them.
func gridOf(title string, head []string, rows [][]string) grid {
	width := len(head)
	for _, row := range rows {
		width = max(width, len(row))
	}
	g := grid{Title: title, Rows: make([][]tile, len(rows))}
	named := false
	for column := range width {
		at := func(row []string) string {
			if column < len(row) {
				return row[column]
			}
			return ""
		}
		empty, signs := true, column == 0
		for _, row := range rows {
			empty = empty && at(row) == ""
			signs = signs && sign(at(row)) != ""
		}
		if empty {
			continue
		}
		if head != nil {
			g.Head = append(g.Head, tile{Text: at(head), Class: short(at(head))})
		}
		for i, row := range rows {
			t := tile{Text: at(row), Class: short(at(row)), Name: !signs && !named}
			if signs {
				t.Class = sign(t.Text)
			}
			g.Rows[i] = append(g.Rows[i], t)
		}
		named = named || !signs
	}
	return g
}

// short is the class of text whose words need no breaking on paper, or "".
func short(text string) string {
	if utf8.RuneCountInString(text) > len("SCWQ6OSPE6T65IUHI8LE") {
		return ""
	}
	return "short"
}

// sign is what a mark means, or "".
func sign(text string) string {
	switch text {
	case "✓":
		return "good"
	case "✗":
		return "bad"
	case "?":
		return "open"
	}
	return ""
}
