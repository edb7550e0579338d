import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { parseJunit } from "../../scripts/support/junit.ts";

test("parseJunit() reads Bun's reports with nested groups", () => {
  const cases = parseJunit(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="3" failures="1">
  <testsuite name="tests/a_test.ts" file="tests/a_test.ts">
    <testcase name="ok &lt; &quot;q&quot; &amp; &#x41;" classname="" file="tests/a_test.ts" line="2" />
    <testsuite name="group" file="tests/a_test.ts">
      <testcase name="bad" classname="group" file="tests/a_test.ts">
        <failure type="Error" message="a > b">Error: &lt;testcase name=&quot;no&quot;&gt;</failure>
      </testcase>
    </testsuite>
    <testcase name="later" classname="" file="tests/a_test.ts"><skipped /></testcase>
  </testsuite>
</testsuites>`);
  assertEquals(cases, [
    { name: 'ok < "q" & A', file: "tests/a_test.ts", outcome: "passed" },
    { name: "bad", file: "tests/a_test.ts", outcome: "failed" },
    { name: "later", file: "tests/a_test.ts", outcome: "skipped" },
  ]);
});

test("parseJunit() reads Deno's reports, whose file is the class", () => {
  const cases = parseJunit(`<testsuite name="./tests/b_test.ts" tests="2">
    <testcase name="passes" classname="./tests/b_test.ts" time="0.1" line="1" col="2">
    </testcase>
    <testcase name="fails" classname="./tests/b_test.ts">
        <failure message="Uncaught Error: boom
line2">Error</failure>
    </testcase>
</testsuite>`);
  assertEquals(cases, [
    { name: "passes", file: "tests/b_test.ts", outcome: "passed" },
    { name: "fails", file: "tests/b_test.ts", outcome: "failed" },
  ]);
});

test("parseJunit() reads Node's reports", () => {
  const cases = parseJunit(`<testsuites>
	<testcase name="bad" time="0.1" classname="test" file="/upbeat/tests/c_test.ts" failure="x">
		<failure type="testCodeFailure" message="x">at TestContext.&lt;anonymous> (c_test.ts:2:51)</failure>
	</testcase>
	<testcase name="later" time="0.1" classname="test" file="/upbeat/tests/c_test.ts">
		<skipped type="skipped" message="true"/>
	</testcase>
	<!-- tests 2 -->
</testsuites>`);
  assertEquals(cases.map(({ name, outcome }) => [name, outcome]), [["bad", "failed"], ["later", "skipped"]]);
});

test("parseJunit() reads CTest's reports and ignores the output of programs", () => {
  const cases = parseJunit(`<testsuite name="Linux" tests="3" failures="1" disabled="1" skipped="0">
	<testcase name="thread_pool" classname="thread_pool" time="0.5" status="run">
		<system-out>&lt;failure&gt; is printed here</system-out>
	</testcase>
	<testcase name="stream" classname="stream" time="0.5" status="fail">
		<failure message=""/>
		<system-out><![CDATA[<testcase name="no"/>]]></system-out>
	</testcase>
	<testcase name="later" classname="later" time="0" status="disabled"/>
</testsuite>`);
  assertEquals(cases.map(({ name, outcome }) => [name, outcome]), [
    ["thread_pool", "passed"],
    ["stream", "failed"],
    ["later", "skipped"],
  ]);
});
