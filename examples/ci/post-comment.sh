#!/usr/bin/env bash
# Posts the Markdown report on a pull request, in place of the one of an earlier run; where that is not allowed (pull requests from forks)
# the job summary, which costsim writes on GitHub without being asked, is left to say it.
# Usage: post-comment.sh FILE NUMBER
set -euo pipefail
file=$1
number=$2
[ -s "$file" ] || { echo "there is no report to post"; exit 0; }
# The hidden tag in the first line finds the comment again.
tag=$(head -n 1 "$file")
if id=$(gh api "repos/{owner}/{repo}/issues/$number/comments" --paginate \
          --jq ".[] | select(.body | startswith(\"$tag\")) | .id" | head -n 1) &&
   if [ -n "$id" ]; then
     gh api --silent --method PATCH "repos/{owner}/{repo}/issues/comments/$id" --field "body=@$file"
   else
     gh pr comment "$number" --body-file "$file"
   fi
then
  echo "posted"
else
  echo "the comment could not be posted; the report is in the job summary"
fi
