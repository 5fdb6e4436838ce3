package chart

import (
	"bytes"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func sample() Chart {
	return Chart{
		Title: "Bars & <brackets>", Description: "A \"sample\".", Unit: "s",
		Series: []Series{{Name: "short", Colour: "#2da44e"}, {Name: "long", Colour: "#d4762c"}},
		Groups: []Group{
			{Label: "first", Bars: []Bar{{Series: 0, Value: 1.25}, {Series: 1, Value: 100}}},
			{Label: "second", Bars: []Bar{{Series: 1, Value: 0}}},
		},
	}
}

func TestGenerated_SVG(t *testing.T) {
	got := sample().SVG()
	file := filepath.Join("testdata", "sample.svg")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := sample().SVG(); !bytes.Equal(again, got) {
		t.Error("the same numbers gave another chart")
	}
}

// element is a part of an SVG.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

func (e element) number(t *testing.T, name string) float64 {
	t.Helper()
	for _, attribute := range e.Attrs {
		if attribute.Name.Local == name {
			value, err := strconv.ParseFloat(attribute.Value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatalf("%s has no %s", e.XMLName.Local, name)
	return 0
}

func parse(t *testing.T, svg []byte) element {
	t.Helper()
	var root element
	if err := xml.Unmarshal(svg, &root); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestWellFormedAndInsideItsFrame(t *testing.T) {
	root := parse(t, sample().SVG())
	wide, high := root.number(t, "width"), root.number(t, "height")
	var words []string
	for _, part := range root.Children {
		switch part.XMLName.Local {
		case "rect":
			if part.number(t, "x")+part.number(t, "width") > wide || part.number(t, "y")+part.number(t, "height") > high {
				t.Errorf("a bar leaves the frame: %v", part.Attrs)
			}
		case "text":
			if part.number(t, "y") > high {
				t.Errorf("a text leaves the frame: %q", part.Text)
			}
			words = append(words, part.Text)
		case "title", "desc":
			words = append(words, part.Text)
		default:
			t.Errorf("unexpected element %s", part.XMLName.Local)
		}
	}
	want := []string{
		"Bars & <brackets>", `A "sample". first: short 1.2 s; long 100.0 s. second: long 0.0 s.`, "Bars & <brackets>",
		"short", "long", "first", "1.2 s", "100.0 s", "second", "0.0 s",
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}

func TestBarsAreInProportion(t *testing.T) {
	c := Chart{Unit: "s", Series: []Series{{Name: "one", Colour: "red"}}, Groups: []Group{{Bars: []Bar{{Value: 25}, {Value: 50}, {Value: 0}}}}}
	var lengths []float64
	for _, part := range parse(t, c.SVG()).Children {
		if part.XMLName.Local == "rect" && part.number(t, "height") == barHeight {
			lengths = append(lengths, part.number(t, "width"))
		}
	}
	const full = width - labelWidth - valueWidth
	if diff := cmp.Diff([]float64{full / 2, full, 0}, lengths); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if svg := (Chart{}).SVG(); parse(t, svg).XMLName.Local != "svg" {
		t.Errorf("a chart of nothing: %s", svg)
	}
}
