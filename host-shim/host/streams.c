/* SPDX-License-Identifier: Apache-2.0 */
/* streams: knows that open gives the lowest free number, and which way each stream is not used. */
#include "streams.h"

#include <fcntl.h>
#include <unistd.h>

bool streams_occupy(void)
{
    for (;;) {
        int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (lowest < 0)
            return false;
        if (lowest > STDERR_FILENO)
            return close(lowest) == 0;
        /* Without O_CLOEXEC: what is executed needs the number taken as well. */
        int wrong_way = lowest == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        if (close(lowest) != 0 || open("/dev/null", wrong_way) != lowest)
            return false;
    }
}
