package supervisor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// handler serves the requests of Client. Access is limited by the mode of the bed's directory.
func (s *supervisor) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		reply(w, s.status(r.URL.Query().Has("memory")), nil)
	})
	mux.HandleFunc("POST /ports/{count}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("count"))
		if err != nil || n < 0 || n > 1000 {
			reply(w, nil, fmt.Errorf("count %q: want a number from 0 to 1000", r.PathValue("count")))
			return
		}
		ports, err := s.takePorts(n)
		reply(w, ports, err)
	})
	mux.HandleFunc("POST /processes", func(w http.ResponseWriter, r *http.Request) {
		var spec Process
		if err := json.NewDecoder(r.Body).Decode(&spec); err != nil {
			reply(w, nil, err)
			return
		}
		status, err := s.start(spec)
		reply(w, status, err)
	})
	mux.HandleFunc("DELETE /processes/{name}", func(w http.ResponseWriter, r *http.Request) {
		program, err := s.find(r.PathValue("name"))
		if err != nil {
			reply(w, nil, err)
			return
		}
		program.stop(grace)
		reply(w, program.status(), nil)
	})
	mux.HandleFunc("POST /processes/{name}/signals/{number}", func(w http.ResponseWriter, r *http.Request) {
		number, err := strconv.Atoi(r.PathValue("number"))
		if err != nil || number < 1 || number > 64 {
			reply(w, nil, fmt.Errorf("signal %q: want a number from 1 to 64", r.PathValue("number")))
			return
		}
		program, err := s.find(r.PathValue("name"))
		if err == nil {
			err = program.send(syscall.Signal(number))
		}
		reply(w, struct{}{}, err)
	})
	mux.HandleFunc("POST /processes/{name}/restart", func(w http.ResponseWriter, r *http.Request) {
		program, err := s.find(r.PathValue("name"))
		if err != nil {
			reply(w, nil, err)
			return
		}
		program.stop(grace)
		status, err := s.start(program.spec)
		reply(w, status, err)
	})
	mux.HandleFunc("POST /detach", func(w http.ResponseWriter, _ *http.Request) {
		s.detach()
		reply(w, struct{}{}, nil)
	})
	mux.HandleFunc("POST /stop", func(_ http.ResponseWriter, r *http.Request) {
		s.finish()
		<-r.Context().Done() // no answer: the connection ends with the bed
		time.Sleep(time.Millisecond)
	})
	return mux
}

func reply(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		value = failure{Error: err.Error()}
	}
	_ = json.NewEncoder(w).Encode(value) // the client sees a broken connection
}

// failure is the body of an answer to a request that failed.
type failure struct {
	Error string `json:"error"`
}
