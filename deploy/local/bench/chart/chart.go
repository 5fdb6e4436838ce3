// Package chart draws bar charts as SVG. The same numbers always give the same bytes. A chart has no background, no
// script, no font and no link of its own, and colours that can be read on a light and on a dark page.
package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// Chart is groups of horizontal bars.
type Chart struct {
	Title string
	// Description is for those who cannot see the chart.
	Description string
	// Unit follows each number.
	Unit string
	// Series are the kinds of bars, in the order of the legend.
	Series []Series
	Groups []Group
}

// Series is one kind of bars.
type Series struct {
	Name string
	// Colour is that of CSS, such as "#2da44e".
	Colour string
}

// Group is bars under one label.
type Group struct {
	Label string
	Bars  []Bar
}

// Bar is one number. Series is its index in Chart.Series.
type Bar struct {
	Series int
	Value  float64
}

// The layout, in pixels.
const (
	width      = 800
	margin     = 16
	titleSize  = 17
	textSize   = 13
	labelWidth = 170
	valueWidth = 80
	barHeight  = 16
	barStep    = 20
	groupGap   = 14
	legendStep = 20
	top        = margin + titleSize + 12
)

// ink has a contrast of more than 4 to 1 both with white and with the dark pages of GitHub.
const ink = "#757b83"

// SVG draws the chart.
func (c Chart) SVG() []byte {
	var body bytes.Buffer
	y := c.legend(&body, top)
	y += groupGap
	scale := c.scale()
	for _, group := range c.Groups {
		middle := y + len(group.Bars)*barStep/2 + textSize/3 - (barStep-barHeight)/2
		text(&body, labelWidth-10, middle, `text-anchor="end"`, group.Label)
		for _, bar := range group.Bars {
			c.bar(&body, bar, y, scale)
			y += barStep
		}
		y += groupGap
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title description" `+
		`width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" font-family="system-ui, sans-serif" font-size="%[3]d" fill="%[4]s">`+"\n",
		width, y, textSize, ink)
	fmt.Fprintf(&out, "  <title id=\"title\">%s</title>\n  <desc id=\"description\">%s</desc>\n", escape(c.Title), escape(c.alternative()))
	text(&out, margin, margin+titleSize, fmt.Sprintf(`font-size="%d" font-weight="600"`, titleSize), c.Title)
	out.Write(body.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// legend draws a line for each kind of bars and returns where it ends.
func (c Chart) legend(out *bytes.Buffer, y int) int {
	for _, series := range c.Series {
		rectangle(out, margin, y, 12, 12, series.Colour)
		text(out, margin+20, y+11, "", series.Name)
		y += legendStep
	}
	return y
}

func (c Chart) bar(out *bytes.Buffer, bar Bar, y int, scale float64) {
	length := bar.Value * scale
	rectangle(out, labelWidth, y, length, barHeight, c.Series[bar.Series].Colour)
	text(out, labelWidth+length+6, y+barHeight-4, `font-weight="600"`, c.number(bar.Value))
}

// scale is how many pixels a unit has.
func (c Chart) scale() float64 {
	most := 0.0
	for _, group := range c.Groups {
		for _, bar := range group.Bars {
			most = max(most, bar.Value)
		}
	}
	if most == 0 {
		return 0
	}
	return (width - labelWidth - valueWidth) / most
}

func (c Chart) number(value float64) string { return fmt.Sprintf("%.1f %s", value, c.Unit) }

// alternative is the description, and all numbers in words.
func (c Chart) alternative() string {
	sentences := []string{c.Description}
	for _, group := range c.Groups {
		var parts []string
		for _, bar := range group.Bars {
			parts = append(parts, c.Series[bar.Series].Name+" "+c.number(bar.Value))
		}
		sentences = append(sentences, group.Label+": "+strings.Join(parts, "; ")+".")
	}
	return strings.Join(sentences, " ")
}

func rectangle(out *bytes.Buffer, x, y int, w float64, h int, colour string) {
	fmt.Fprintf(out, "  <rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"%s\"/>\n", x, y, w, h, escape(colour))
}

func text(out *bytes.Buffer, x float64, y int, attributes, words string) {
	if attributes != "" {
		attributes = " " + attributes
	}
	fmt.Fprintf(out, "  <text x=\"%.1f\" y=\"%d\"%s>%s</text>\n", x, y, attributes, escape(words))
}

func escape(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text)) // writing to memory cannot fail
	return out.String()
}
