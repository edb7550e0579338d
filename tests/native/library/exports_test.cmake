# The library exports every function of the header and nothing else. Called with -DLIBRARY, -DHEADER and -DNM.
execute_process(COMMAND ${NM} -D --defined-only ${LIBRARY} OUTPUT_VARIABLE symbols RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "nm failed on ${LIBRARY}")
endif()
string(REGEX MATCHALL "[^ \n]+\n" exported "${symbols}")
list(TRANSFORM exported STRIP)
list(SORT exported)

file(READ ${HEADER} header)
string(REGEX MATCHALL "UPBEAT_API int32_t upbeat_[a-z_]+" declared "${header}")
list(TRANSFORM declared REPLACE "UPBEAT_API int32_t " "")
list(SORT declared)

if(NOT "${exported}" STREQUAL "${declared}")
  message(FATAL_ERROR "exported:\n${exported}\ndeclared:\n${declared}")
endif()
list(LENGTH exported count)
message(STATUS "${count} functions exported")
