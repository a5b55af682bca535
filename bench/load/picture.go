package load

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Line is the results of one service at several rates, by name in a picture.
type Line struct {
	Name    string
	Results []Result // of fixed rates; others are left out
}

// The picture, in pixels: a frame for the lines, with room for the axes' texts around and for the names on its right.
const (
	pictureWidth, pictureHeight = 860, 480
	frameLeft, frameTop         = 70, 50
	frameWidth, frameHeight     = 600, 370
)

// pictureColors are told apart also by those who do not see all colors, and in this order on white (Okabe and Ito).
var pictureColors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

var pictureQuantiles = []struct {
	name, dashes string
	of           func(Result) float64
}{
	{"p50", "", func(r Result) float64 { return r.P50 }},
	{"p99", "8 4", func(r Result) float64 { return r.P99 }},
	{"p99.9", "2 4", func(r Result) float64 { return r.P999 }},
}

// Picture writes an SVG picture of latency, on a logarithmic scale, over the rate that was reached.
func Picture(w io.Writer, title string, lines []Line) error {
	p := picture{low: math.Inf(1)}
	for i, l := range lines {
		lines[i].Results = slices.DeleteFunc(slices.Clone(l.Results), func(r Result) bool { return r.Rate == 0 || r.Operations == 0 })
		slices.SortFunc(lines[i].Results, func(a, b Result) int { return cmp.Compare(a.Rate, b.Rate) })
		for _, r := range lines[i].Results {
			p.most = max(p.most, r.PerSecond)
			for _, q := range pictureQuantiles {
				p.low, p.high = min(p.low, max(q.of(r), 0.001)), max(p.high, q.of(r))
			}
		}
	}
	if p.most == 0 {
		return fmt.Errorf("nothing to draw: no result at a fixed rate")
	}
	p.low = math.Pow(10, math.Floor(math.Log10(p.low)))
	p.high = math.Pow(10, math.Ceil(math.Log10(max(p.high, p.low*1.01))))
	p.frame(title)
	for i, l := range lines {
		p.line(i, l)
	}
	p.text.WriteString("</svg>\n")
	_, err := io.WriteString(w, p.text.String())
	return err
}

type picture struct {
	text      strings.Builder
	most      float64 // the greatest rate
	low, high float64 // latencies at the lower and upper edge, in milliseconds: powers of ten
}

func (p *picture) x(rate float64) float64 { return frameLeft + frameWidth*rate/p.most }

func (p *picture) y(ms float64) float64 {
	return frameTop + frameHeight*(1-math.Log(max(ms, p.low)/p.low)/math.Log(p.high/p.low))
}

// frame draws the axes, and what the kinds of strokes mean.
func (p *picture) frame(title string) {
	fmt.Fprintf(&p.text, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %d" font-family="sans-serif" font-size="12">`+"\n",
		pictureWidth, pictureHeight, pictureHeight)
	fmt.Fprintf(&p.text, `<rect width="%d" height="%d" fill="white"/>`+"\n", pictureWidth, pictureHeight)
	p.write(frameLeft, 28, "start", `font-size="15"`, title)
	p.write(frameLeft+frameWidth/2, frameTop+frameHeight+42, "middle", "", "operations per second")
	p.write(frameLeft-50, frameTop-10, "start", "", "latency, ms")
	for tick, step := 0.0, tickStep(p.most); tick <= p.most; tick += step {
		p.stroke(p.x(tick), frameTop, p.x(tick), frameTop+frameHeight, "#e4e4e4", "")
		p.write(p.x(tick), frameTop+frameHeight+18, "middle", "", thousands(tick))
	}
	for power := p.low; power <= p.high*1.001; power *= 10 {
		p.stroke(frameLeft, p.y(power), frameLeft+frameWidth, p.y(power), "#c8c8c8", "")
		p.write(frameLeft-8, p.y(power)+4, "end", "", strconv.FormatFloat(math.Round(power*1000)/1000, 'f', -1, 64))
		for m := 2.0; m <= 9 && power*m < p.high; m++ {
			p.stroke(frameLeft, p.y(power*m), frameLeft+frameWidth, p.y(power*m), "#f0f0f0", "")
		}
	}
	for i, q := range pictureQuantiles {
		y := float64(frameTop + frameHeight - 10 - 20*(len(pictureQuantiles)-1-i))
		p.stroke(frameLeft+frameWidth+20, y-4, frameLeft+frameWidth+60, y-4, "#444444", q.dashes)
		p.write(frameLeft+frameWidth+68, y, "start", "", q.name)
	}
}

// line draws the latencies of one service.
func (p *picture) line(i int, l Line) {
	color := pictureColors[i%len(pictureColors)]
	y := float64(frameTop + 10 + 20*i)
	fmt.Fprintf(&p.text, `<rect x="%d" y="%.0f" width="12" height="12" fill="%s"/>`+"\n", frameLeft+frameWidth+20, y-10, color)
	p.write(frameLeft+frameWidth+40, y, "start", "", l.Name)
	for _, q := range pictureQuantiles {
		var points strings.Builder
		for _, r := range l.Results {
			fmt.Fprintf(&points, "%.1f,%.1f ", p.x(r.PerSecond), p.y(q.of(r)))
		}
		fmt.Fprintf(&p.text, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s"/>`+"\n",
			strings.TrimSpace(points.String()), color, cmp.Or(q.dashes, "none"))
		for _, r := range l.Results {
			fmt.Fprintf(&p.text, `<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"><title>%s %s: %.3f ms at %.0f/s</title></circle>`+"\n",
				p.x(r.PerSecond), p.y(q.of(r)), color, html.EscapeString(l.Name), q.name, q.of(r), r.PerSecond)
		}
	}
}

func (p *picture) stroke(x1, y1, x2, y2 float64, color, dashes string) {
	fmt.Fprintf(&p.text, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-dasharray="%s"/>`+"\n",
		x1, y1, x2, y2, color, cmp.Or(dashes, "none"))
}

func (p *picture) write(x, y float64, anchor, attributes, text string) {
	fmt.Fprintf(&p.text, `<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>`+"\n", x, y, anchor, attributes, html.EscapeString(text))
}

// tickStep is a round distance that gives some five to ten ticks up to most.
func tickStep(most float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, part := range []float64{0.1, 0.2, 0.5, 1} {
		if most/(power*part) <= 10 {
			return power * part
		}
	}
	return power
}

// thousands is a rate for an axis.
func thousands(rate float64) string {
	if rate >= 1000 {
		return strconv.FormatFloat(math.Round(rate/100)/10, 'f', -1, 64) + " k"
	}
	return strconv.FormatFloat(math.Round(rate*100)/100, 'f', -1, 64)
}
