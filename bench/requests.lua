-- Replays the HTTP requests of a file, one after the other over all connections, and prints one line of JSON.
--
--   wrk ... -s requests.lua URL -- FILE FIRST
--
-- FILE holds requests as they go over the wire, each behind its length in bytes and a line feed. Where one of them
-- says @@@@@@@@@, it gets a number of as many digits that was never sent before, counted from FIRST.

local COUNTER = "@@@@@@@@@"
local messages = {}
local position = 0
local number = 0

local function pieces(message)
   local parts, start = {}, 1
   while true do
      local from, to = string.find(message, COUNTER, start, true)
      if not from then
         break
      end
      parts[#parts + 1] = string.sub(message, start, from - 1)
      start = to + 1
   end
   parts[#parts + 1] = string.sub(message, start)
   return #parts == 1 and message or parts
end

function init(args)
   number = tonumber(args[2])
   local file = assert(io.open(args[1], "rb"))
   while true do
      local length = file:read("*n")
      if not length then
         break
      end
      file:read(1)
      messages[#messages + 1] = pieces(file:read(length))
   end
   file:close()
end

function request()
   position = position % #messages + 1
   local message = messages[position]
   if type(message) == "string" then
      return message
   end
   number = number + 1
   return table.concat(message, string.format("%09d", number))
end

function done(summary, latency)
   local errors = summary.errors
   local broken = errors.connect + errors.read + errors.write
   local line = '{"requests":%d,"microseconds":%d,"bytes":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d,"late":%d}\n'
   io.write(string.format(line, summary.requests, summary.duration, summary.bytes, latency:percentile(50),
      latency:percentile(99), errors.status, broken, errors.timeout))
end
