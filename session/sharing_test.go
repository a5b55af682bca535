package session

import "testing"

// TestRepliesOfAllSessionsAreBounded: past the bound of all sessions together the greedy ones are held back until they
// acknowledge, and the modest ones are not; what a session kept is given back when it ends.
func TestRepliesOfAllSessionsAreBounded(t *testing.T) {
	table := NewTable()
	table.replyBytesMax = 64 << 10
	table.Beat(Beat{Server: 1, Boot: 1, Number: 1})
	const greedy, modest = ID(1), ID(2)
	for i, id := range []ID{greedy, modest} {
		if code := table.Open(id, Open{TimeoutMS: 5000, Server: 1, Boot: 1, Number: uint64(i + 1)}); code != CodeOK {
			t.Fatal(code)
		}
	}
	write := func(id ID, seq, ack Seq, bytes int) Code {
		t.Helper()
		verdict, _, code := table.Admit(id, seq, ack)
		if verdict == Apply {
			table.Record(id, seq, make([]byte, bytes))
		}
		return code
	}
	seq := Seq(1)
	for ; write(greedy, seq, 0, 8<<10) == CodeOK; seq++ {
	}
	if seq != 9 { // eight replies of 8 KiB are the bound
		t.Fatalf("write %d was the first one held back, want 9", seq)
	}
	for s := Seq(1); s <= 4; s++ {
		if code := write(modest, s, 0, 1<<10); code != CodeOK {
			t.Errorf("write %d of a session that keeps little: %v", s, code)
		}
	}
	if code := write(modest, 5, 0, 1<<10); code != CodeWindowFull {
		t.Errorf("a session that keeps its share: %v, want WindowFull", code)
	}
	if code := write(greedy, 9, 8, 10); code != CodeOK {
		t.Errorf("after it has acknowledged: %v", code)
	}
	restored, err := Restore(table.Snapshot())
	if err != nil || restored.replyBytes != table.replyBytes || table.replyBytes != 10+4<<10 {
		t.Errorf("%d bytes kept, %d after a snapshot (%v)", table.replyBytes, restored.replyBytes, err)
	}
	table.Close(greedy)
	table.Kill(modest)
	if table.replyBytes != 0 {
		t.Errorf("%d bytes kept for no session", table.replyBytes)
	}
	if want := 4 * (1<<10 + graveReplyBytes); table.graveBytes != want { // of the one that was killed
		t.Errorf("%d bytes kept in graves, want %d", table.graveBytes, want)
	}
}
