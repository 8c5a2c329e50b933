// Gloo behind plain functions: its exceptions end here. Nothing is linked: the program opens Gloo first.
#if __has_include(<gloo/rendezvous/context.h>)

#include <arpa/inet.h>
#include <gloo/allgather.h>
#include <gloo/alltoall.h>
#include <gloo/rendezvous/store.h>
#include <gloo/transport/context.h>
#include <gloo/transport/pair.h>
#include <gloo/transport/tcp/address.h>
#include <gloo/transport/tcp/device.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "../CGloo/include/gloo_engine.h"

namespace {

/// Gloo listens at a port of the system's choice; here the port of the next connection can be chosen.
class PortedDevice : public gloo::transport::tcp::Device {
 public:
  explicit PortedDevice(const gloo::transport::tcp::attr &attr) : Device(attr) {}

  void listen_at(int port) {
    // The member is constant for Gloo's own code, which reads it anew for each connection.
    auto &address = const_cast<gloo::transport::tcp::attr &>(attr_).ai_addr;
    if (address.ss_family == AF_INET6) {
      reinterpret_cast<sockaddr_in6 &>(address).sin6_port = htons(port);
    } else {
      reinterpret_cast<sockaddr_in &>(address).sin_port = htons(port);
    }
  }
};

/// The sockets of this process that are connected to another.
std::set<int> connected_sockets() {
  std::set<int> found;
  for (int fd = 0; fd < 4096; fd++) {
    sockaddr_storage peer;
    socklen_t length = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr *>(&peer), &length) != 0) continue;
    if (peer.ss_family == AF_INET || peer.ss_family == AF_INET6) found.insert(fd);
  }
  return found;
}

/// The ranks and their connections.
class Engine : public gloo::Context {
 public:
  Engine(const gloo_place &place) : gloo::Context(place.rank, place.size), place_(place), address_(place.address) {}

  void connect(const gloo_meeting &meeting) {
    gloo::transport::tcp::attr attr(address_.c_str());
    auto device = std::make_shared<PortedDevice>(gloo::transport::tcp::CreateDeviceAttr(attr));
    device_ = device;
    transportContext_ = device_->createContext(rank, size);
    const auto limit = std::chrono::milliseconds(static_cast<long>(place_.connect_seconds * 1e3));
    // Gloo waits for a connection five times as long as it is told.
    transportContext_->setTimeout(limit / 5);
    before_ = connected_sockets();
    int port = place_.first_port;
    for (int r = 0; r < size; r++) {
      if (r == rank) continue;
      listen(*device, r, port);
      const auto bytes = transportContext_->getPair(r)->address().bytes();
      put(meeting, name(rank, r), bytes);
    }
    for (int r = 0; r < size; r++) {
      if (r == rank) continue;
      try {
        const auto theirs = get(meeting, name(r, rank));
        const auto &ours = transportContext_->getPair(r)->address();
        ends_.push_back({r, listener(ours.bytes()), listener(theirs)});
        transportContext_->getPair(r)->connect(theirs);
      } catch (const std::exception &error) {
        throw std::runtime_error("rank " + std::to_string(r) + ": " + error.what());
      }
    }
    setTimeout(limit);
  }

  /// Called when all ranks have met, so that every connection stands.
  void settle() {
    for (int fd : connected_sockets()) {
      if (before_.count(fd)) continue;
      sockets_.push_back(fd);
      // One of the two has listened, and the other has called it.
      const auto here = address_of(fd, getsockname), there = address_of(fd, getpeername);
      for (auto &end : ends_) {
        if (end.fd < 0 && (same(here, end.ours) || same(there, end.theirs))) {
          end.fd = fd;
          end.peer = there;
        }
      }
    }
    // A peer that is gone ends a call at once, and one that is silent is ended by its lease.
    const auto for_ever = std::chrono::milliseconds(std::chrono::hours(24 * 365));
    transportContext_->setTimeout(for_ever);
    setTimeout(for_ever);
  }

  uint32_t next_tag() { return tag_++; }

  /// Bytes that have come, and those that others have said to have.
  uint64_t moved() const {
    uint64_t sum = 0;
    for (int fd : sockets_) {
      tcp_info info = {};
      socklen_t length = sizeof info;
      if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0) {
        sum += info.tcpi_bytes_acked + info.tcpi_bytes_received;
      }
    }
    return sum;
  }

  /// The least rank whose connection is gone, which Gloo itself tells with a call alone; -1 while all stand.
  int32_t gone() const {
    enum { ESTABLISHED = 1 };  // net/tcp_states.h of Linux
    for (const auto &end : ends_) {
      if (end.fd < 0) continue;
      // Gloo closes the socket of a connection that has ended, and then its number may be another's.
      tcp_info info = {};
      socklen_t length = sizeof info;
      const bool stands = same(address_of(end.fd, getpeername), end.peer) &&
                          getsockopt(end.fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
                          info.tcpi_state == ESTABLISHED;
      if (!stands) return end.rank;
    }
    return -1;
  }

 private:
  /// The connection to a rank: where each of the two has listened, and its socket, once it is known.
  struct End {
    int32_t rank;
    sockaddr_storage ours, theirs;
    int fd = -1;
    sockaddr_storage peer = {};
  };
  std::vector<End> ends_;

  static sockaddr_storage listener(const std::vector<char> &bytes) {
    return gloo::transport::tcp::Address(bytes).getSockaddr();
  }

  static sockaddr_storage address_of(int fd, int (*ask)(int, sockaddr *, socklen_t *)) {
    sockaddr_storage found = {};
    socklen_t length = sizeof found;
    if (ask(fd, reinterpret_cast<sockaddr *>(&found), &length) != 0) found.ss_family = AF_UNSPEC;
    return found;
  }

  static bool same(const sockaddr_storage &a, const sockaddr_storage &b) {
    if (a.ss_family != b.ss_family) return false;
    if (a.ss_family == AF_INET) {
      const auto &x = reinterpret_cast<const sockaddr_in &>(a), &y = reinterpret_cast<const sockaddr_in &>(b);
      return x.sin_port == y.sin_port && x.sin_addr.s_addr == y.sin_addr.s_addr;
    }
    if (a.ss_family != AF_INET6) return false;
    const auto &x = reinterpret_cast<const sockaddr_in6 &>(a), &y = reinterpret_cast<const sockaddr_in6 &>(b);
    return x.sin6_port == y.sin6_port && memcmp(&x.sin6_addr, &y.sin6_addr, sizeof x.sin6_addr) == 0;
  }

  const gloo_place place_;
  const std::string address_;
  uint32_t tag_ = 0;
  std::set<int> before_;
  std::vector<int> sockets_;

  static std::string name(int from, int to) { return "gloo " + std::to_string(from) + " " + std::to_string(to); }

  /// Makes the connection's end, at the next port of the range that is free.
  void listen(PortedDevice &device, int r, int &port) {
    if (place_.last_port == 0) {
      transportContext_->createPair(r);
      return;
    }
    std::string last = "there are fewer than it takes, one for each other rank";
    for (; port <= place_.last_port; port++) {
      device.listen_at(port);
      try {
        transportContext_->createPair(r);
        port++;
        return;
      } catch (const std::exception &error) {
        last = error.what();
      }
    }
    throw std::runtime_error("no port from " + std::to_string(place_.first_port) + " to " +
                             std::to_string(place_.last_port) + " is free: " + last);
  }

  static void put(const gloo_meeting &meeting, const std::string &key, const std::vector<char> &bytes) {
    if (!meeting.put(meeting.context, key.c_str(), bytes.data(), bytes.size())) {
      throw std::runtime_error("the other ranks cannot be told of the address");
    }
  }

  static std::vector<char> get(const gloo_meeting &meeting, const std::string &key) {
    std::vector<char> bytes(4096);
    size_t count = 0;
    if (!meeting.get(meeting.context, key.c_str(), bytes.data(), bytes.size(), &count)) {
      throw std::runtime_error("has not told its address in time");
    }
    bytes.resize(count);
    return bytes;
  }
};

template <typename Body>
bool caught(char *why, size_t n, Body body) {
  try {
    body();
    return true;
  } catch (const std::exception &error) {
    snprintf(why, n, "%s", error.what());
    return false;
  }
}

void gather(const std::shared_ptr<Engine> &engine, const void *from, void *to, size_t bytes) {
  gloo::AllgatherOptions options(engine);
  options.setInput(static_cast<char *>(const_cast<void *>(from)), bytes);
  options.setOutput(static_cast<char *>(to), bytes * engine->size);
  options.setTag(engine->next_tag());
  gloo::allgather(options);
}

}  // namespace

using Handle = std::shared_ptr<Engine>;

extern "C" {

void *gloo_call_open(const gloo_place *place, const gloo_meeting *meeting, char *why, size_t n) {
  void *made = nullptr;
  caught(why, n, [&] {
    auto engine = std::make_shared<Engine>(*place);
    engine->connect(*meeting);
    const char here = 0;
    std::vector<char> all(place->size);
    gather(engine, &here, all.data(), 1);
    engine->settle();
    made = new Handle(engine);
  });
  return made;
}

bool gloo_call_all_to_all(void *handle, const void *from, void *to, size_t bytes, char *why, size_t n) {
  auto &engine = *static_cast<Handle *>(handle);
  return caught(why, n, [&] {
    gloo::AlltoallOptions options(engine);
    options.setInput(static_cast<char *>(const_cast<void *>(from)), bytes * engine->size);
    options.setOutput(static_cast<char *>(to), bytes * engine->size);
    options.setTag(engine->next_tag());
    gloo::alltoall(options);
  });
}

bool gloo_call_all_gather(void *handle, const void *from, void *to, size_t bytes, char *why, size_t n) {
  auto &engine = *static_cast<Handle *>(handle);
  return caught(why, n, [&] { gather(engine, from, to, bytes); });
}

uint64_t gloo_call_moved(void *handle) { return (*static_cast<Handle *>(handle))->moved(); }

int32_t gloo_call_gone(void *handle) { return (*static_cast<Handle *>(handle))->gone(); }

void gloo_call_abort(void *handle) {
  char why[1];
  caught(why, sizeof why, [&] { (*static_cast<Handle *>(handle))->closeConnections(); });
}

}  // extern "C"

#endif
