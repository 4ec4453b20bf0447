package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

//go:embed view/page.html
var pageText string

//go:embed view/style.css
var styleText string

//go:embed view/script.js
var scriptText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// policy lets the page run its own script and style, known by their hashes, and load pictures and
// sounds from where it comes from; nothing else.
var policy = fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src 'self' data:; media-src 'self' data:; "+
	"form-action 'self'; base-uri 'none'", contentHash(scriptText), contentHash(styleText))

func contentHash(text string) string {
	h := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(h[:])
}

// Bounds of what a page shows, whatever the data is.
const (
	pageRecords   = 20
	staticRecords = 100
	sampledSizes  = 200
	shownFiles    = 200
	mapColumns    = 64
	mapRows       = 8
	searchTime    = 5 * time.Second
)

// A viewer shows a data source as pages. It is safe for concurrent use.
type viewer struct {
	a       *app
	d       *arrayrecord.DataSource
	files   []arrayrecord.FileInstruction
	shapes  map[string][]int // of features that are pictures
	message protoreflect.MessageDescriptor

	common page // what all pages have
}

// page is what the template shows.
type page struct {
	Static    bool
	Policy    string // for a file by itself, which has no header to say it
	Title     string
	Style     template.CSS
	Script    template.JS
	Total     totalView
	Files     []fileView
	MoreFiles int
	Sizes     string
	Bars      []barView
	Map       mapView

	From                        int
	Query, Error, Status        string
	First, Previous, Next, Last string
	Records                     []recordView
}

type totalView struct{ Records, Files, Size, Decoded, Ratio string }

type fileView struct {
	Name, Link, Records, Size, Ratio, Chunks, Group, Codec string
}

type barView struct {
	Label, Count string
	Width        int
}

type mapView struct {
	Name, Text string
	Height     int
	Cells      []mapCell
}

type mapCell struct {
	X, Y, Width, Opacity string
	Link, Title          string
}

func newViewer(ctx context.Context, a *app, d *arrayrecord.DataSource, args []string) (*viewer, error) {
	v := &viewer{a: a, d: d, files: d.Files()}
	p := &v.common
	p.Title = strings.Join(args, " ")
	p.Style, p.Script = template.CSS(styleText), template.JS(scriptText)
	var total fileInfo
	for i, f := range v.files {
		if i == shownFiles {
			p.MoreFiles = len(v.files) - shownFiles
			break
		}
		info, err := a.readInfo(ctx, f.Name)
		if err != nil {
			return nil, err
		}
		total.add(info)
		row := infoRow(info)
		p.Files = append(p.Files, fileView{Name: info.File, Link: "?" + url.Values{"file": {strconv.Itoa(i)}}.Encode(),
			Records: row[0], Size: row[1], Ratio: row[2], Chunks: formatCount(info.Chunks), Group: row[3], Codec: row[4]})
	}
	more := ""
	if p.MoreFiles > 0 {
		more = fmt.Sprintf(" in the first %d files", shownFiles)
	}
	p.Total = totalView{formatCount(d.NumRecords()), plural(len(v.files), "file"), formatBytes(total.Bytes) + more, formatBytes(total.DecodedBytes), total.ratio()}
	return v, v.sampleSizes(ctx)
}

// sampleSizes makes the histogram from some of the records.
func (v *viewer) sampleSizes(ctx context.Context) error {
	n := v.d.NumRecords()
	if n == 0 {
		v.common.Sizes = "There are no records."
		return nil
	}
	look := min(n, sampledSizes)
	h := new(sizeHistogram)
	for i := range look {
		record, err := v.d.Get(ctx, i*(n/look)+i*(n%look)/look)
		if err != nil {
			return err
		}
		h.add(len(record))
	}
	which := fmt.Sprintf("Of %s", plural(look, "record"))
	if look < n {
		which += " over the whole of the data"
	}
	v.common.Sizes = fmt.Sprintf("%s: median %s, least %s, most %s.", which, formatBytes(int64(h.quantile(0.5))), formatBytes(int64(h.least)), formatBytes(int64(h.most)))
	bars := h.bars()
	most := 0
	for _, b := range bars {
		most = max(most, b.Count)
	}
	for _, b := range bars {
		v.common.Bars = append(v.common.Bars, barView{b.label(), formatCount(b.Count), 220 * b.Count / most})
	}
	return nil
}

// chunkMap draws the chunks of a file in the order in which they are there, each cell as many.
func (v *viewer) chunkMap(ctx context.Context, number int, link bool) (mapView, error) {
	f := v.files[number]
	r, err := v.a.openFile(ctx, f.Name)
	if err != nil {
		return mapView{}, err
	}
	defer r.Close()
	n := r.NumChunks()
	m := mapView{Name: v.a.shown(f.Name), Text: plural(n, "chunk"), Height: 18}
	if n == 0 {
		return m, nil
	}
	start := 0 // number of the file's first record among all
	for _, before := range v.files[:number] {
		start += before.Take
	}
	cells := min(n, mapColumns*mapRows)
	if cells < n {
		m.Text += fmt.Sprintf(", some %d to a cell", n/cells)
	}
	m.Height = 18 * ((cells + mapColumns - 1) / mapColumns)
	weights := make([]float64, cells) // bytes a record
	most := 0.0
	for i := range cells {
		begin, end := i*n/cells, (i+1)*n/cells
		offset, size := r.ChunkExtent(begin, end)
		first, _ := r.ChunkRecords(begin)
		_, past := r.ChunkRecords(end - 1)
		weights[i] = float64(size) / float64(past-first)
		most = max(most, weights[i])
		c := mapCell{X: strconv.Itoa(i % mapColumns * 10), Y: strconv.Itoa(i / mapColumns * 18), Width: "9",
			Title: fmt.Sprintf("chunk %d, records %d to %d, %s at offset %d", begin, first, past-1, formatBytes(size), offset)}
		if end-begin > 1 {
			c.Title = fmt.Sprintf("chunks %d to %d, records %d to %d, %s at offset %d", begin, end-1, first, past-1, formatBytes(size), offset)
		}
		if target := start + first - f.Skip; link && first >= f.Skip && first < f.Skip+f.Take {
			c.Link = v.link(target, "", number)
		}
		m.Cells = append(m.Cells, c)
	}
	for i := range m.Cells {
		m.Cells[i].Opacity = fmt.Sprintf("%.2f", 0.2+0.8*weights[i]/most)
	}
	return m, nil
}

// link is the address of a page.
func (v *viewer) link(from int, query string, file int) string {
	q := url.Values{}
	if from > 0 {
		q.Set("from", strconv.Itoa(from))
	}
	if query != "" {
		q.Set("q", query)
	}
	if file > 0 {
		q.Set("file", strconv.Itoa(file))
	}
	if len(q) == 0 {
		return "./"
	}
	return "?" + q.Encode()
}

// pageOf gives the page that an address names.
func (v *viewer) pageOf(ctx context.Context, from, query, file string) (page, error) {
	p := v.common
	p.Query = query
	n := v.d.NumRecords()
	if from != "" {
		i, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSpace(from), ",", ""))
		switch {
		case err != nil:
			p.Error = fmt.Sprintf("%q is no number of a record", from)
		case i < 0 || i >= n:
			p.Error = fmt.Sprintf("there are records 0 to %d, no %s", n-1, from)
		default:
			p.From = i
		}
	}
	number, err := strconv.Atoi(file)
	if err != nil || number < 0 || number >= len(v.files) {
		number = 0
	}
	if p.Map, err = v.chunkMap(ctx, number, true); err != nil {
		return p, err
	}
	var next int
	if query == "" {
		next, err = v.list(ctx, &p, pageRecords)
	} else {
		next, err = v.search(ctx, &p)
	}
	if err != nil {
		p.Error = strings.Join(v.a.describe(err), "; ")
	}
	if p.From > 0 {
		p.First = v.link(0, query, number)
		p.Previous = v.link(max(p.From-pageRecords, 0), "", number)
	}
	if next < n {
		p.Next = v.link(next, query, number)
		p.Last = v.link(max(n-pageRecords, 0), "", number)
	}
	return p, nil
}

// list shows the records from p.From on, and gives the number of the one after them.
func (v *viewer) list(ctx context.Context, p *page, most int) (next int, err error) {
	end := min(p.From+most, v.d.NumRecords())
	for i := p.From; i < end; i++ {
		record, err := v.d.Get(ctx, i)
		if err != nil {
			return end, err
		}
		p.Records = append(p.Records, v.show(i, record, p.Static))
	}
	if len(p.Records) > 0 {
		p.Status = fmt.Sprintf("Records %s to %s of %s", formatCount(p.From), formatCount(end-1), formatCount(v.d.NumRecords()))
	}
	return end, nil
}

// search shows the records from p.From on that match, as many as are found in some time.
func (v *viewer) search(ctx context.Context, p *page) (next int, err error) {
	m := matcher{}
	if err := m.compile(p.Query); err != nil {
		return v.d.NumRecords(), err
	}
	deadline := time.Now().Add(searchTime)
	next = p.From
	for record, err := range v.d.Scan(ctx, p.From, v.d.NumRecords()) {
		if err != nil {
			return v.d.NumRecords(), err
		}
		if len(p.Records) == pageRecords || time.Now().After(deadline) {
			break
		}
		if matches, err := m.match(record); err == nil && matches {
			p.Records = append(p.Records, v.show(next, record, false))
		}
		next++
	}
	p.Status = fmt.Sprintf("%s found in the records %s to %s", formatCount(len(p.Records)), formatCount(p.From), formatCount(next-1))
	if next < v.d.NumRecords() {
		p.Status += "; Next goes on"
	}
	return next, nil
}

// staticPage gives the page with the first records as a file by itself.
func (v *viewer) staticPage(ctx context.Context) ([]byte, error) {
	p := v.common
	p.Static, p.Policy = true, policy
	p.Files = append([]fileView(nil), p.Files...)
	for i := range p.Files {
		p.Files[i].Link = ""
	}
	var err error
	if p.Map, err = v.chunkMap(ctx, 0, false); err != nil {
		return nil, err
	}
	if _, err := v.list(ctx, &p, staticRecords); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = pageTemplate.Execute(&b, p)
	return b.Bytes(), err
}
