package recipes

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coxswain-io/coxswain/client"
)

// Anybody can write anything into the nodes that the recipes read: whatever is there gives an error or is left out, and what
// is taken for good is written again as what it was.

func FuzzBucket(f *testing.F) {
	f.Add([]byte(`{"rate":10,"burst":5,"limit":1,"tokens":3.5,"taken":7}`), int64(time.Second), 1)
	f.Add([]byte(`{"rate":1e-300,"burst":1,"tokens":1e300,"taken":-9223372036854775808}`), int64(1), 1)
	f.Add([]byte(`{"rate":1e308,"burst":9223372036854775807,"tokens":0}`), int64(math.MaxInt64), math.MaxInt)
	f.Add([]byte(`{"rate":0}`), int64(0), 0)
	f.Add([]byte(`[`), int64(0), 0)
	f.Fuzz(func(t *testing.T, data []byte, passed int64, n int) {
		s, err := decodeBucket(data)
		if err != nil {
			return
		}
		if again, err := decodeBucket(s.encode()); err != nil || again != s {
			t.Fatalf("%+v came back as %+v, %v", s, again, err)
		}
		if n < 1 || n > s.Burst {
			return
		}
		begin := time.Unix(0, 0)
		b := bucket{state: s, level: min(s.Tokens, float64(s.Burst)), at: begin}
		b.see(s, true, begin.Add(time.Duration(passed)))
		if wait := b.until(n); math.IsNaN(b.level) || b.level > float64(s.Burst) || b.level < float64(n) && wait <= 0 {
			t.Errorf("%+v after %v: %g tokens, %v until %d", s, time.Duration(passed), b.level, wait, n)
		}
	})
}

func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"", "0", "-0", "+1", "007", "-9223372036854775808", "9223372036854775808", "1 ", "0x1", "1_0", "é",
		"v-0000000001", "v-9223372036854775807", "v-000000000001", "v--000000001", "v-"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, err := numberOf(data); err == nil {
			if again, err := numberOf(digits(n)); again != n || err != nil {
				t.Errorf("the number %q is %d, which comes back as %d, %v", data, n, again, err)
			}
			if _, err := plus(n, n); err == nil != (n <= math.MaxInt64/2 && n >= math.MinInt64/2) {
				t.Errorf("%d doubled: %v", n, err)
			}
		}
		if n := permitsOf(data); n < 0 || n > 0 && string(digits(int64(n))) != string(data) {
			t.Errorf("the permits %q are %d", data, n)
		}
		if n := versionOf(string(data)); n < 0 || n > 0 && versionPath("/c", n) != "/c/"+string(data) {
			t.Errorf("%q keeps version %d, which is kept in %s", data, n, versionPath("/c", n))
		}
	})
}

func FuzzConfigVersion(f *testing.F) {
	for _, s := range []string{`{"value":{"rate":1},"by":"0x1f","comment":"<c>"}`, `{"value":1,"zxid":7,"time":1700000000000}`, `{"value":null}`,
		`{"value":1,"zxid":-1}`, `{}`, `{"value":{"rate":"x"}}`, strings.Repeat(`{"value":`, 50), `{"value":1,"VALUE":2}`, ``} {
		f.Add([]byte(s))
	}
	type limits struct{ Rate int }
	cf := NewConfig[limits](nil, "/c")
	f.Fuzz(func(t *testing.T, data []byte) {
		v := cf.past(keptVersion{number: 3, data: data, stat: client.Stat{Czxid: 9}})
		if v.Version != 3 || v.Zxid > 9 || v.Err != nil && v.Value != (limits{}) {
			t.Errorf("%q gives %+v", data, v)
		}
		var r versionRecord
		if json.Unmarshal(data, &r) != nil || len(r.Value) == 0 {
			return
		}
		again, err := marshal(r)
		if err != nil || !keeps(again, compact(t, r.Value)) {
			t.Errorf("%q is written as %s, %v, which does not keep %s", data, again, err, r.Value)
		}
	})
}

// compact is a value as the encoder writes it into a version.
func compact(t *testing.T, value []byte) []byte {
	data, err := marshal(json.RawMessage(value))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func FuzzProposal(f *testing.F) {
	for _, s := range []string{`{"participants":["a","b"],"decision":"commit"}`, `{"participants":null}`, `{"participants":["a","a"]}`, `{}`, `null`, `{"participants":[1]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := proposalOf("/t", data, client.Stat{Czxid: 1, Mzxid: 2})
		if err != nil {
			return
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := proposalOf("/t", text, client.Stat{Czxid: 1, Mzxid: 2}); err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%q came back as %+v, %v", data, again, err)
		}
	})
}

// What a gate that keeps its marks in nodes finds there never makes it admit what the marks exclude.
func FuzzMarks(f *testing.F) {
	for _, s := range []string{`{"alone":1204,"shared":1190}`, `{"alone":18446744073709551615}`, `{"alone":-1}`, `{}`, `null`, `{"alone":"1"}`} {
		f.Add([]byte(s), uint64(1200), true)
		f.Add([]byte(s), uint64(1200), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, token uint64, shared bool) {
		var m marks
		if json.Unmarshal(data, &m) != nil {
			return
		}
		after, err := m.admit("r", client.Zxid(token), shared)
		if err != nil {
			if after, err = m.admit("r", client.Zxid(token), shared); err == nil {
				t.Errorf("%s refuses %d and then gives %+v", data, token, after)
			}
			return
		}
		text, err := json.Marshal(after)
		if err != nil {
			t.Fatal(err)
		}
		var again marks
		if err := json.Unmarshal(text, &again); err != nil || again != after || after.Alone < m.Alone || after.Shared < m.Shared {
			t.Errorf("%+v admits %d: %+v, which comes back as %+v, %v", m, token, after, again, err)
		}
	})
}

func FuzzInstances(f *testing.F) {
	f.Add("/s/web/1", []byte(`{"address":"a:1","tags":["x"],"metadata":{"k":"v"},"health":"passing"}`))
	f.Add("/s/web/1", []byte(`{"address":"a:1","health":"unheard of","note":"n"}`))
	f.Add("/s/web/1/2", []byte(`{"address":"a:1"}`))
	f.Add("/s/web", []byte(`{"address":""}`))
	f.Add("/s/webs/1", []byte(`{`))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		good := client.Entry{Path: "/s/web/good", Data: []byte(`{"address":"b:2"}`)}
		found := instancesOf("/s/web", slices.Values([]client.Entry{{Path: path, Data: data}, good}))
		if !slices.ContainsFunc(found, func(i ServiceInstance) bool { return i.ID == "good" && i.Address == "b:2" }) {
			t.Errorf("beside %s with %q, the good instance is not found: %+v", path, data, found)
		}
		for _, i := range found {
			if i.ID == "" || i.Address == "" || strings.Contains(i.ID, "/") || i.Health != HealthPassing && i.Health != HealthCritical || i.Name != "web" {
				t.Errorf("%s with %q: %+v", path, data, i)
			}
		}
	})
}

// Every text gives the name of one node, and that name the text.
func FuzzNodeName(f *testing.F) {
	for _, s := range []string{"", "a", "disk 7", "/", "..", ".", "a/b", "%", "%2f", "é", "\x00", "\xff", "😀", "%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := nodeName(text)
		if textOf(name) != text || !utf8.ValidString(name) || strings.ContainsAny(name, "/\x00") {
			t.Errorf("%q is named %q, which is %q", text, name, textOf(name))
		}
		if !bytes.Equal([]byte(nodeName(textOf(name))), []byte(name)) {
			t.Errorf("%q is named %q and %q", text, name, nodeName(textOf(name)))
		}
	})
}
