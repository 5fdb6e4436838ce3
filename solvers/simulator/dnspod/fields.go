package dnspod

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// fields are the parameters of a request, undecoded, so that numbers stay exact.
type fields map[string]json.RawMessage

// readFields takes the parameters from the JSON in the body, or from the query of a GET.
func readFields(r *http.Request, payload []byte) (fields, error) {
	if r.Method == http.MethodGet {
		f := fields{}
		for name, values := range r.URL.Query() {
			text, err := json.Marshal(values[0])
			if err != nil {
				return nil, err
			}
			f[name] = text
		}
		return f, nil
	}
	return parseFields(payload)
}

// parseFields reads one JSON object.
func parseFields(payload []byte) (fields, error) {
	var f fields
	decoder := json.NewDecoder(bytes.NewReader(payload))
	if err := decoder.Decode(&f); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errors.New("not a JSON object")
	}
	if decoder.More() {
		return nil, errors.New("more than one JSON value")
	}
	// An absent parameter may be spelled null.
	maps.DeleteFunc(f, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	return f, nil
}

// known refuses parameters that the action does not have.
func (f fields) known(names []string) error {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !slices.Contains(names, name) {
			return unknownParameter(name)
		}
	}
	return nil
}

func unknownParameter(name string) error {
	return refuse("UnknownParameter", "The parameter `"+name+"` is not recognized.", "未知参数 `"+name+"`。")
}

// plain are the fields for the log: texts without quotes, the rest as JSON.
func (f fields) plain() map[string]string {
	texts := map[string]string{}
	for name, value := range f {
		texts[name] = string(value)
		if text, err := f.text(name); err == nil {
			texts[name] = text
		}
	}
	return texts
}

func wrongType(name, want string) error {
	return refuse("InvalidParameter", "The value type of parameter `"+name+"` is not valid. It should be "+want+".", "参数 `"+name+"` 类型错误。")
}

// text is a text field; "" where it is absent.
func (f fields) text(name string) (text string, err error) {
	value, ok := f[name]
	if !ok {
		return "", nil
	}
	if err := json.Unmarshal(value, &text); err != nil {
		return "", wrongType(name, "String")
	}
	return text, nil
}

// need is a text field that the action can not do without.
func (f fields) need(name string) (string, error) {
	text, err := f.text(name)
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", missing(name)
	}
	return text, nil
}

func missing(name string) error {
	return refuse("MissingParameter", "The request is missing a required parameter `"+name+"`.", "缺少必要参数 `"+name+"`。")
}

// number is an exact whole number; given says whether it is there.
func (f fields) number(name string) (n uint64, given bool, err error) {
	value, ok := f[name]
	if !ok {
		return 0, false, nil
	}
	// A GET has all values as texts.
	n, err = strconv.ParseUint(string(bytes.Trim(value, `"`)), 10, 64)
	if err != nil {
		return 0, true, wrongType(name, "Integer")
	}
	return n, true, nil
}

// flag is a boolean field; false where it is absent.
func (f fields) flag(name string) (on bool, err error) {
	value, ok := f[name]
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(value, &on); err != nil {
		return false, wrongType(name, "Boolean")
	}
	return on, nil
}

// texts is a list of texts; nil where it is absent.
func (f fields) texts(name string) (list []string, err error) {
	value, ok := f[name]
	if !ok {
		return nil, nil
	}
	if err := json.Unmarshal(value, &list); err != nil {
		return nil, wrongType(name, "Array of String")
	}
	return list, nil
}
