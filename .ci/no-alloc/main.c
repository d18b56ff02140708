#include <stddef.h>

ptrdiff_t sflow_samples(const unsigned char *bytes, size_t length);

/* Version 5, an IPv4 agent, sub-agent 0, sequence number 1, uptime 0, no samples. */
static const unsigned char datagram[28] = {
    [3] = 5, [7] = 1, [8] = 192, 0, 2, 1, [19] = 1,
};

int main(void) {
    int is_decoded = sflow_samples(datagram, sizeof datagram) == 0;
    int is_rejected = sflow_samples(datagram, 3) == -1;
    return is_decoded && is_rejected ? 0 : 1;
}
